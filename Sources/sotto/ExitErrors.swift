// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Auditing
package import CommandLineKit
import Datasets
import Files
import Models
import Networks
import Noise
import Participant
import PrecisionStudy
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
    var exitStatus: ExitStatus { isOfMachine ? .failure : .badInput }
}

extension StudyError: ExitError {
    var exitStatus: ExitStatus { .badInput }
}

extension ParticipantError: ExitError {
    package var exitStatus: ExitStatus {
        switch self {
        case .input: .badInput
        case .limit: .limit
        case .refused: .refused
        case .failure: .failure
        }
    }
}

extension AggregatorError: ExitError {
    package var exitStatus: ExitStatus {
        switch self {
        case .input: .badInput
        case .limit: .limit
        case .failure: .failure
        }
    }
}
