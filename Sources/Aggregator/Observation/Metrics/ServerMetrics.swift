// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Training

#if canImport(Musl)
internal import Musl
#else
internal import Glibc
#endif

/// The page for Prometheus: what this process did, and what its database says. Several servers on one database tell the same
/// of the database, so sums over them are taken of the process's own metrics only.
package enum ServerMetrics {
    package static func text(
        requests: RequestMetrics,
        streams: (open: Int, dropped: Int, refused: Int),
        overview: Overview?,
        process: ProcessFacts
    ) -> String {
        var text = MetricText()
        text.add("sotto_build_info", .gauge, "The program; always 1.", [.init(process.build, 1)])
        text.add(
            "sotto_store_up",
            .gauge,
            "1 when the database could be read for this page, otherwise 0.",
            overview == nil ? 0 : 1
        )
        requests.write(to: &text)
        text.add("sotto_event_streams", .gauge, "Live streams of events.", Double(streams.open))
        text.add(
            "sotto_event_streams_dropped_total",
            .counter,
            "Streams that were ended because their reader fell behind.",
            Double(streams.dropped)
        )
        text.add(
            "sotto_event_streams_refused_total",
            .counter,
            "Streams that were refused because there were too many.",
            Double(streams.refused)
        )
        if let overview { add(overview, to: &text) }
        process.write(to: &text)
        return text.text
    }

    private static func add(_ overview: Overview, to text: inout MetricText) {
        text.add("sotto_clients_enrolled", .gauge, "Clients that are enrolled.", Double(overview.clients))
        addTasks(overview.tasks, to: &text)
        let rows = overview.tasks.map {
            ([(name: "task", value: $0.report.task)], overview.tallies[$0.report.task]?.all)
        }
        func total(_ name: String, _ help: String, _ value: (AttemptSums) -> Int) {
            text.add(name, .counter, help, rows.map { .init($0.0, value($0.1 ?? AttemptSums())) })
        }
        total("sotto_rounds_committed_total", "Rounds that ended with a new model.", \.committed)
        total("sotto_rounds_abandoned_total", "Attempts that ended without a model; each is charged.", \.abandoned)
        total("sotto_updates_accepted_total", "Updates that went into a sum.", \.updates)
        total("sotto_upload_bytes_total", "Bytes of the bodies of accepted updates.", \.uploadBytes)
        addPrivacy(overview.populations.values.sorted { $0.population < $1.population }, to: &text)
    }

    private static func addTasks(_ tasks: [TaskState], to text: inout MetricText) {
        let statuses = ["created", "running", "paused", "stopped", "finished", "exhausted"]
        text.add(
            "sotto_tasks",
            .gauge,
            "Tasks by status.",
            statuses.map { status in .init([("status", status)], tasks.count { $0.report.status == status }) }
        )
        let open = tasks.compactMap { task in task.stage.map { (task.report.task, $0) } }
        let stages: [RoundStage] = [.selection, .configuration, .reporting, .closing]
        text.add(
            "sotto_open_rounds",
            .gauge,
            "Rounds by the stage they are in; selection counts running tasks that look for clients.",
            stages.map { stage in .init([("stage", stage.rawValue)], open.count { $0.1.stage == stage }) }
        )
        func each(_ name: String, _ help: String, _ value: (TaskState) -> Double?) {
            text.add(
                name,
                .gauge,
                help,
                tasks.compactMap { task in value(task).map { .init([("task", task.report.task)], $0) } }
            )
        }
        each("sotto_round_present", "Clients present in the current stage.") { $0.stage.map { Double($0.present) } }
        each("sotto_round_target", "Clients with which the current stage ends at once.") {
            $0.stage.map { Double($0.target) }
        }
        each("sotto_round_minimum", "Clients without which the current stage cannot end well.") {
            $0.stage.map { Double($0.minimum) }
        }
        each("sotto_task_round", "Rounds of the task that are committed.") { Double($0.report.round) }
        each("sotto_task_rounds_planned", "Rounds after which the task is finished.") { Double($0.report.rounds) }
        each("sotto_task_accuracy_ratio", "Share of the public evaluation set that is classified correctly.") {
            $0.evaluation == nil ? nil : $0.report.testAccuracy
        }
        each("sotto_task_loss", "Mean loss on the public evaluation set.") {
            $0.evaluation == nil ? nil : $0.report.testLoss
        }
        each("sotto_task_held_out_accuracy_ratio", "Noised share of clients' held-out examples, paid from the budget.")
        {
            $0.report.heldOut?.rounds.last?.accuracy
        }
        each("sotto_task_held_out_loss", "Noised mean loss on clients' held-out examples, paid from the budget.") {
            $0.report.heldOut?.rounds.last?.loss
        }
    }

    private static func addPrivacy(_ populations: [PopulationReport], to text: inout MetricText) {
        func each(_ name: String, _ help: String, _ value: (PopulationReport.Line) -> Double?) {
            text.add(
                name,
                .gauge,
                help,
                populations.flatMap { population in
                    population.lines.compactMap { line in
                        value(line).map {
                            .init([("population", population.population), ("adversary", line.adversary)], $0)
                        }
                    }
                }
            )
        }
        each("sotto_privacy_epsilon", "Epsilon spent by all tasks of a population; +Inf where none can be stated.") {
            $0.spent ?? .infinity
        }
        each("sotto_privacy_epsilon_budget", "The most epsilon that a population has agreed to.", \.limit)
        let labelled = populations.map { ([(name: "population", value: $0.population)], $0) }
        text.add(
            "sotto_privacy_delta",
            .gauge,
            "The delta at which epsilon is stated.",
            labelled.map { .init($0.0, $0.1.delta) }
        )
        text.add(
            "sotto_ledger_entries",
            .gauge,
            "Entries of a population's privacy ledger.",
            labelled.map { .init($0.0, $0.1.ledgerEntries) }
        )
    }
}

/// What the operating system says of this process.
package struct ProcessFacts: Sendable {
    package var build: [(name: String, value: String)]
    package var residentBytes: Int?
    package var peakBytes: Int?
    package var processorSeconds: Double
    /// Seconds since 1970.
    package var startTime: Double

    /// Reads the whole program, so only once.
    private static let programHash = ProgramHash.current().map { Hexadecimal.text($0) } ?? ""

    package static func current(startTime: Double) -> ProcessFacts {
        var usage = rusage()
        let isKnown = unsafe getrusage(.init(RUSAGE_SELF.rawValue), &usage) == 0
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return ProcessFacts(
            build: [("program", "sotto-server"), ("sha256", programHash)],
            residentBytes: ProcessMemory.resident(),
            peakBytes: ProcessMemory.peak(),
            processorSeconds: isKnown ? seconds(usage.ru_utime) + seconds(usage.ru_stime) : 0,
            startTime: startTime
        )
    }

    func write(to text: inout MetricText) {
        text.add(
            "process_resident_memory_bytes",
            .gauge,
            "Resident memory size in bytes.",
            residentBytes.map { [.init([], $0)] } ?? []
        )
        text.add(
            "sotto_process_peak_memory_bytes",
            .gauge,
            "The most memory that was ever resident, in bytes.",
            peakBytes.map { [.init([], $0)] } ?? []
        )
        text.add(
            "process_cpu_seconds_total",
            .counter,
            "Total user and system CPU time spent in seconds.",
            processorSeconds
        )
        text.add(
            "process_start_time_seconds",
            .gauge,
            "Start time of the process since the Unix epoch, in seconds.",
            startTime
        )
    }
}
