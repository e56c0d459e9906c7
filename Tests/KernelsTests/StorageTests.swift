// SPDX-License-Identifier: Apache-2.0

import Kernels
import Testing

@Suite struct BufferTests {
    @Test(arguments: [0, 1, 1000])
    func startsAsZeros(count: Int) {
        let buffer = Buffer<Float>(count: count)
        #expect(buffer.count == count)
        buffer.read { span in
            for index in span.indices { #expect(span[index].bitPattern == 0) }
        }
        buffer.fill(3)
        #expect(buffer.read { span in span.indices.allSatisfy { span[$0] == 3 } })
    }

    @Test func rangesAreWindows() {
        let buffer = Buffer<Int32>([1, 2, 3, 4])
        buffer.write(1..<3) { span in
            #expect(span.count == 2)
            span[0] = 20
        }
        #expect(buffer.read(1..<4) { [$0[0], $0[1], $0[2]] } == [20, 3, 4])
    }

    @Test func leavingTheBufferTraps() async {
        await #expect(processExitsWith: .failure) {
            Buffer<Int32>(count: 4).read(2..<5) { _ in }
        }
    }
}

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 5])
    func everyWorkerRunsOnce(workers: Int) {
        let pool = WorkerPool(workers: workers)
        let counts = (0..<workers).map { _ in Buffer<Int64>(count: 1) }
        for round in 1...500 {
            pool.run { worker in counts[worker].write { $0[0] += 1 } }
            for count in counts {
                #expect(count.read { $0[0] } == Int64(round))
            }
        }
    }

    @Test func nestingTraps() async {
        await #expect(processExitsWith: .failure) {
            let pool = WorkerPool(workers: 2)
            pool.run { worker in
                if worker == 0 { pool.run { _ in } }
            }
        }
    }
}
