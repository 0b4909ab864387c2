// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * losses.bpf.c with a planted defect: the header's counters are plain increments. The time is
 * read between load and store, so that interrupts come there often.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs).
 */
#define __atomic_fetch_add(word, count, order)     \
	do {                                       \
		volatile __u64 *at_ = (word);      \
		__u64 before_ = *at_;              \
		bpf_ktime_get_ns();                \
		*at_ = before_ + (count);          \
	} while (0)
#include "losses.h"
