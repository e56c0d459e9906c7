// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Rounds
import Store
import Testing

@Suite("Metrics", .timeLimit(.minutes(1)))
struct MetricsTests {
    @Test("Labels and help texts are escaped, numbers written as the format wants them")
    func format() throws {
        var text = MetricText()
        let awkward = "a \"quoted\" back\\slash\nand a line"
        text.add("odd_ratio", .gauge, "Help with \\ and\na line.", [.init([("label", awkward)], -0.25)])
        text.add("some_total", .counter, "Whole.", 12)
        text.add("large_bytes", .gauge, "Large.", 0x1p60)
        text.add(
            "limits",
            .gauge,
            "All kinds.",
            [.init([("k", "a")], Double.infinity), .init([("k", "b")], -.infinity)]
        )
        text.add("none", .gauge, "Left out.", [])
        var histogram = Histogram()
        for seconds in [0.0005, 0.001, 0.2, 100] { histogram.observe(seconds) }
        text.add("time_seconds", "Durations.", [([("route", "/")], histogram)])

        let read = try PrometheusText(text.text)
        #expect(read.value("odd_ratio", ["label": awkward]) == -0.25)
        #expect(read.families["odd_ratio"]?.help == "Help with \\\\ and\\na line.")
        #expect(text.text.contains("\nsome_total 12\n"))
        #expect(read.value("large_bytes") == 0x1p60 && read.value("limits", ["k": "a"]) == .infinity)
        #expect(read.value("limits", ["k": "b"]) == -.infinity && read.families["none"] == nil)
        let buckets = read.families["time_seconds"]?.samples.filter { $0.name.hasSuffix("_bucket") } ?? []
        #expect(buckets.first { $0.labels["le"] == "0.001" }?.value == 2)
        #expect(buckets.first { $0.labels["le"] == "0.25" }?.value == 3)
        #expect(buckets.first { $0.labels["le"] == "10" }?.value == 3)
        #expect(buckets.first { $0.labels["le"] == "+Inf" }?.value == 4)
        #expect(text.text.contains("time_seconds_sum{route=\"/\"} 100.2015\n"))
    }

    @Test("The reader of these tests refuses what is not the format")
    func reader() {
        let good = "# HELP a_total x\n# TYPE a_total counter\na_total 1\n"
        #expect(throws: Never.self) { try PrometheusText(good) }
        for bad in [
            "a_total 1\n", String(good.dropLast()), good + good, good + "a_total 2\n", good + "b_total 1\n",
            "# HELP a x\n# TYPE a counter\na 1\n", "# HELP a_total x\n# TYPE a_total gauge\na_total 1\n",
            "# HELP a x\n# TYPE a gauge\na{l=\"x} 1\n", "# HELP a x\n# TYPE a gauge\na{l=\"\\x\"} 1\n",
            "# HELP a x\n# TYPE a gauge\na one\n", "# HELP a x\n# TYPE a gauge\n", "# TYPE a gauge\na 1\n",
            "# HELP a x\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
        ] {
            #expect(throws: PrometheusText.Malformed.self, "\(bad)") { try PrometheusText(bad) }
        }
    }

    @Test("A run's figures are those of the store and of the ledger, and counters do not fall")
    func run() async throws {
        var terms = Terms()
        terms.rounds = 2
        terms.evaluation = "digits"
        terms.colluders = 1
        let world = try await World(terms)
        func page() async throws -> PrometheusText {
            let response = await world.respond(to: APIRequest(method: "GET", target: "/metrics"))
            #expect(response.status == 200)
            #expect(response.contentType == "text/plain; version=0.0.4; charset=utf-8")
            return try PrometheusText(String(decoding: response.body, as: UTF8.self))
        }
        let task = ["task": "digits"]
        let before = try await page()
        #expect(before.value("sotto_rounds_committed_total", task) == 0 && before.value("sotto_clients_enrolled") == 0)
        #expect(before.value("sotto_privacy_epsilon", ["population": "people", "adversary": "outsider"]) == 0)
        #expect(before.value("sotto_open_rounds", ["stage": "selection"]) == 1)

        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        // A round with one update of three is open.
        let first = try #require(try await clients[0].assignment())
        for client in clients { _ = try await client.assignment() }
        #expect(await clients[0].put(try clients[0].body(first), first).status == 200)
        let open = try await page()
        #expect(open.value("sotto_open_rounds", ["stage": "reporting"]) == 1)
        #expect(open.value("sotto_round_present", task) == 1 && open.value("sotto_round_minimum", task) == 3)
        // It is abandoned, and the next attempts are committed.
        await world.pass(seconds: terms.deadlineSeconds + 1)
        for _ in 0..<2 {
            for client in clients { _ = try await client.assignment() }
            for client in clients { try await client.deliverZeros() }
        }
        let after = try await page()
        let results = try world.stored { try $0.results(of: "digits") }
        #expect(results.count == 2)
        #expect(after.value("sotto_rounds_committed_total", task) == 2)
        #expect(after.value("sotto_rounds_abandoned_total", task) == 1)
        #expect(after.value("sotto_updates_accepted_total", task) == 7)
        let attempts = try world.stored { try $0.attempts(of: "digits", from: 1) }
        #expect(after.value("sotto_upload_bytes_total", task) == Double(attempts.reduce(0) { $0 + $1.bytesUp }))
        #expect(after.value("sotto_task_accuracy_ratio", task) == results.last?.accuracy)
        #expect(after.value("sotto_tasks", ["status": "finished"]) == 1)
        let ledger = try world.ledger()
        for adversary in ledger.adversaries {
            let labels = ["population": "people", "adversary": adversary.description]
            #expect(
                after.value("sotto_privacy_epsilon", labels) == (try ledger.stated(against: adversary, delta: 1e-5))
            )
            let limit = after.value("sotto_privacy_epsilon_budget", labels)
            #expect(limit == (adversary == .server ? nil : 50))
        }
        #expect(after.value("sotto_ledger_entries", ["population": "people"]) == Double(ledger.entries.count))
        #expect(after.value("sotto_clients_enrolled") == 3 && after.value("sotto_store_up") == 1)
        #expect(after.value("process_resident_memory_bytes") ?? 0 > 1e6)
        for earlier in [before, open] {
            for (name, family) in earlier.families where family.type == "counter" {
                for sample in family.samples {
                    #expect(after.value(name, sample.labels) ?? -1 >= sample.value, "\(name) \(sample.labels)")
                }
            }
        }
    }

    @Test("Requests are counted by what a stranger cannot choose")
    func requests() throws {
        let metrics = RequestMetrics()
        for (target, method, status) in [
            ("/v1/tasks/a", "GET", 200), ("/v1/tasks/b?x=1", "GET", 404), ("/made/up/1", "GET", 404),
            ("/made/up/2", "BREW", 405),
            ("/v1/tasks/a/rounds/1/attempts/1/update", "PUT", 422),
        ] {
            metrics.record(
                route: Aggregator.label(target),
                method: method,
                status: status,
                bytesIn: 10,
                bytesOut: 5,
                seconds: 0.01
            )
        }
        var text = MetricText()
        metrics.write(to: &text)
        let read = try PrometheusText(text.text)
        let name = "sotto_http_requests_total"
        #expect(read.value(name, ["route": "/v1/tasks/{task}", "method": "GET", "status": "2xx"]) == 1)
        #expect(read.value(name, ["route": "/v1/tasks/{task}", "method": "GET", "status": "4xx"]) == 1)
        #expect(read.value(name, ["route": "other", "method": "other", "status": "4xx"]) == 1)
        #expect(read.families[name]?.samples.count == 5)
        #expect(read.value("sotto_http_refusals_total", ["reason": "not_found"]) == 2)
        #expect(read.value("sotto_http_refusals_total", ["reason": "does_not_fit"]) == 1)
        #expect(read.value("sotto_http_request_body_bytes_total", ["route": "other"]) == 20)
    }
}
