// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Attempts of all kinds through ringbuf.bpf.h, for tests of its counters. losses.h explains
 * them.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs).
 */
#include "losses.h"
