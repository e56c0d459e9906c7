// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit
import Datasets
import Files
import Models
import Networks
import Noise
import Training

extension TrainingError: ExitError {
    var exitStatus: ExitStatus {
        switch self {
        case .memoryLimit: .limit
        case .diverged, .notRepresentable: .failure
        default: .badInput
        }
    }
}

extension AccountingError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension AuditError: ExitError {
    var exitStatus: ExitStatus { isBudget ? .limit : .badInput }
}

extension DatasetError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension NetworkError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension ModelError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension NoiseError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension SafetensorsError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension FileError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}
