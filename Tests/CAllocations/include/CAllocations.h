// SPDX-License-Identifier: Apache-2.0

// Counts what a test program takes from the heap.

#pragma once

/// What was taken from the heap; both are -1 where it cannot be counted.
struct sotto_allocations {
    long count, bytes;
};

/// Starts to count the allocations of all threads.
void sotto_allocations_start(void);

/// Ends it, and gives what was taken since the start.
struct sotto_allocations sotto_allocations_stop(void);
