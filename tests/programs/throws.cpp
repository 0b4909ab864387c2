/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A callback throws through the library, at each 97th record. That record comes again.
 */
#include "common.h"

namespace
{
struct Thrown {
	uint64_t sequence;
};

struct State {
	struct seen all{};
	uint64_t thrown = UINT64_MAX; /* the latest one */
	unsigned long destroyed = 0;
};

/* Its destructor runs while the exception passes. */
struct Guard {
	State &state;

	~Guard()
	{
		state.destroyed++;
	}
};

int on_sample(void *context, void *data, size_t len)
{
	State &state = *static_cast<State *>(context);
	uint64_t sequence = sequence_of(data);

	if (sequence % 97 == 0 && sequence != state.thrown) {
		Guard guard{state};

		state.thrown = sequence;
		throw Thrown{sequence};
	}
	see(&state.all, data, len);
	return 0;
}
}

int main()
{
	State state;
	ring_buffer *rings = ring_buffer__new(MAP, on_sample, &state, nullptr);
	unsigned long caught = 0;

	if (!rings)
		return 1;
	ready();
	while (!state.all.over) {
		try {
			if (ring_buffer__poll(rings, 100) < 0)
				return 1;
		} catch (const Thrown &thrown) {
			caught += thrown.sequence == state.thrown;
		}
	}
	ring_buffer__free(rings);
	printf("%lu records, %lu wrong%s\n", state.all.records, state.all.wrong,
	       caught && caught == state.destroyed ? "" : ", an exception was lost");
	return 0;
}
