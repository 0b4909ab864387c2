/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A callback jumps out of the library, at each 97th record. That record comes again.
 */
#include <setjmp.h>
#include "common.h"

static struct seen seen;
static uint64_t jumped = UINT64_MAX;
static unsigned long landed;
static jmp_buf out;

static int on_sample(void *context, void *data, size_t len)
{
	uint64_t sequence = sequence_of(data);

	(void)context;
	if (sequence % 97 == 0 && sequence != jumped) {
		jumped = sequence;
		longjmp(out, 1);
	}
	see(&seen, data, len);
	return 0;
}

int main(void)
{
	struct ring_buffer *volatile rings = ring_buffer__new(MAP, on_sample, NULL, NULL);

	if (!rings)
		return 1;
	ready();
	if (setjmp(out))
		landed++;
	while (!seen.over) {
		if (ring_buffer__poll(rings, 100) < 0)
			return 1;
	}
	ring_buffer__free(rings);
	printf("%lu records, %lu wrong%s\n", seen.records, seen.wrong,
	       landed ? "" : ", and no jump");
	return 0;
}
