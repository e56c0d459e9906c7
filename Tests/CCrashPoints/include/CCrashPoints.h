// SPDX-License-Identifier: Apache-2.0

// Nothing is called by name: the library is put before a process by LD_PRELOAD and told what to do by its environment.

#pragma once
