/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the programs share that the test `capi` starts: their ring is descriptor 100, and they
 * print "ready" when they read it. The records are those of bench.bpf.c: a sequence first. A
 * record of 8 bytes is the last one.
 */
#ifndef COMMON_H
#define COMMON_H

#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAP 100
#define LAST 8

struct seen {
	unsigned long records;
	unsigned long wrong; /* lost, repeated or out of order */
	uint64_t next;
	int over;
};

static inline uint64_t sequence_of(const void *data)
{
	uint64_t sequence;

	memcpy(&sequence, data, sizeof(sequence));
	return sequence;
}

static inline void see(struct seen *seen, const void *data, size_t len)
{
	uint64_t sequence = sequence_of(data);

	seen->wrong += sequence != seen->next;
	seen->next = sequence + 1;
	seen->over = len == LAST;
	seen->records += !seen->over;
}

static inline void ready(void)
{
	puts("ready");
	fflush(stdout);
}

#endif
