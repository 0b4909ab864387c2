/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Submits as many samples to a user ring as its argument says, of 8 to 64 bytes, and
 * discards as many again. Every word of a sample is its number.
 */
#include <errno.h>
#include <stdlib.h>
#include "common.h"

int main(int argc, char **argv)
{
	struct user_ring_buffer *ring = user_ring_buffer__new(MAP, NULL);
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	if (!ring)
		return 1;
	ready();
	for (unsigned long number = 0; number < 2 * count; number++) {
		uint64_t value = number / 2;
		unsigned int words = 1 + value % 8;
		uint64_t *sample;

		/* Though it is to wait without end, libbpf 1.1 says now and then that it is full. */
		do {
			sample = user_ring_buffer__reserve_blocking(ring, 8 * words, -1);
			if (!sample && errno != ENOSPC)
				return 1;
		} while (!sample);
		for (unsigned int word = 0; word < words; word++)
			sample[word] = value;
		if (number % 2)
			user_ring_buffer__submit(ring, sample);
		else
			user_ring_buffer__discard(ring, sample);
	}
	user_ring_buffer__free(ring);
	printf("%lu samples\n", count);
	return 0;
}
