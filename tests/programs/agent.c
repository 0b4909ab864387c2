/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An agent with an event loop of its own, which watches the manager's descriptor by level
 * ("level") or by edge ("edge"). If a record waits and no event comes, it says that it
 * stalls, and looks by itself from then on.
 */
#include <sys/epoll.h>
#include "common.h"

#define STALLED_MS 2000
#define LOOK_MS 1

static int on_sample(void *context, void *data, size_t len)
{
	see(context, data, len);
	return 0;
}

int main(int argc, char **argv)
{
	struct seen seen = {};
	struct ring_buffer *rings = ring_buffer__new(MAP, on_sample, &seen, NULL);
	int loop = epoll_create1(EPOLL_CLOEXEC), stalled = 0;
	struct epoll_event event = { .events = EPOLLIN };

	if (!rings || loop < 0)
		return 1;
	if (argc > 1 && !strcmp(argv[1], "edge"))
		event.events |= EPOLLET;
	if (epoll_ctl(loop, EPOLL_CTL_ADD, ring_buffer__epoll_fd(rings), &event))
		return 1;
	ready();
	while (!seen.over) {
		int ready = epoll_wait(loop, &event, 1, stalled ? LOOK_MS : STALLED_MS);
		int read = ring_buffer__consume(rings);

		if (ready < 0 || read < 0)
			return 1;
		stalled |= !ready && read;
	}
	ring_buffer__free(rings);
	printf("%lu records, %lu wrong%s\n", seen.records, seen.wrong, stalled ? ", stalled" : "");
	return 0;
}
