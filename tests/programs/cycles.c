/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Makes and frees managers as often as its argument says, of the ring and of the user ring
 * (descriptor 101), and prints what that leaves behind: descriptors, mappings, bytes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>
#include "common.h"

#define USER_MAP 101

struct left {
	long descriptors, mappings, bytes;
};

static int on_sample(void *context, void *data, size_t len)
{
	(void)context, (void)data, (void)len;
	return 0;
}

/* 0, or -1 if anything fails. */
static int cycle(void)
{
	struct ring_buffer *rings = ring_buffer__new(MAP, on_sample, NULL, NULL);
	struct user_ring_buffer *user = user_ring_buffer__new(USER_MAP, NULL);
	int copy = dup(MAP), failed = !rings || !user;

	failed = failed || ring_buffer__add(rings, copy, on_sample, NULL);
	failed = failed || ring_buffer__add(rings, copy, on_sample, NULL) != -17; /* EEXIST */
	failed = failed || ring_buffer__poll(rings, 0) || ring_buffer__consume(rings);
	failed = failed || ring_buffer__new(-1, on_sample, NULL, NULL);
	ring_buffer__free(rings);
	user_ring_buffer__free(user);
	close(copy);
	return failed ? -1 : 0;
}

static long descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	long count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static long mappings(void)
{
	static char text[4096];
	int file = open("/proc/self/maps", O_RDONLY);
	long count = 0, len;

	while ((len = read(file, text, sizeof(text))) > 0) {
		for (long at = 0; at < len; at++)
			count += text[at] == '\n';
	}
	close(file);
	return count;
}

static struct left look(void)
{
	return (struct left){ descriptors(), mappings(), (long)mallinfo2().uordblks };
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	struct left before, after;

	/* What is made once for the process is not counted. */
	if (cycle())
		return 1;
	before = look();
	for (long number = 0; number < count; number++) {
		if (cycle())
			return 1;
	}
	after = look();
	printf("%ld cycles leave %ld descriptors, %ld mappings, %ld bytes\n", count,
	       after.descriptors - before.descriptors, after.mappings - before.mappings,
	       after.bytes - before.bytes);
	return 0;
}
