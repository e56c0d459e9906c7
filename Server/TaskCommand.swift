// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit

/// `sotto-server task ...`
struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "Create, start, pause, stop, roll back, list, show and watch tasks.",
        subcommands: [
            Create.self, Start.self, Pause.self, Stop.self, Rollback.self, List.self, Show.self, Watch.self,
        ]
    )
}

extension TaskCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Plan a task from its file and store it; `start` starts it.",
            discussion: "Prints the plan's hash and what it promises against whom, before anything is spent."
        )

        @OptionGroup var configuration: ConfigurationOption

        @Argument(help: ArgumentHelp("The task file (TOML).", valueName: "file"))
        var file: String

        func run() throws {
            for line in try Administration.createTask(file: file, configuration: configuration.load()) { print(line) }
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a task open rounds.")
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String

        func run() throws {
            try Administration.setStatus(.start, task: task, configuration: configuration.load())
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open no further round; one that is open is finished."
        )
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String

        func run() throws {
            try Administration.setStatus(.pause, task: task, configuration: configuration.load())
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a task for good; an open round is finished.")
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String

        func run() throws {
            try Administration.setStatus(.stop, task: task, configuration: configuration.load())
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to the model that a committed round left.",
            discussion: "Only while the task does not run. The rounds after it stay spent: epsilon is not refunded."
        )
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String
        @Argument(help: "The round whose model is wanted.") var round: Int

        func run() throws {
            print(try Administration.rollBack(task, to: round, configuration: configuration.load()))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all tasks.")
        @OptionGroup var configuration: ConfigurationOption
        @Flag(help: "Print one JSON array.") var json = false

        func run() throws {
            let reports = try Administration.reports(configuration.load())
            if json { return print(try Administration.json(reports)) }
            var table = TextTable([.left, .left, .right, .right, .right])
            table.row("task", "status", "round", "accuracy", "epsilon (colluders)")
            for report in reports {
                table.row(
                    report.task,
                    report.status,
                    "\(report.round)/\(report.rounds)",
                    report.testAccuracy.map { Decimal.text($0, digits: 4) } ?? "-",
                    report.epsilon.map { Decimal.upperBound($0, digits: 3) } ?? "-"
                )
            }
            print(table)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a task: progress, and epsilon against whom.")
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            let report = try Administration.report(task: task, configuration: configuration.load())
            print(json ? try Administration.json(report) : report.table)
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow a task until it is finished: round, accuracy and epsilon.",
            discussion: "Ends with status 3 when the task stops short of its last round."
        )
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The task's name.") var task: String

        func run() async throws {
            let configuration = try configuration.load()
            var line = WatchLine()
            while true {
                let report = try Administration.report(task: task, configuration: configuration)
                line.show(report)
                switch report.status {
                case "finished":
                    return line.finish()
                case "stopped", "exhausted":
                    line.finish()
                    throw CommandError("task \(task): \(report.status): \(report.statusReason)", status: .limit)
                default:
                    try await Task.sleep(for: .milliseconds(250))
                }
            }
        }
    }
}
