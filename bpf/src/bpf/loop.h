/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Loops that every verifier since 5.10 accepts; bpf_loop came with 5.17.
 *
 * A verifier walks through each iteration of a loop, and gives up after a million
 * instructions. But it looks at a global function only once, for all arguments, and
 * steps over each call of it. So a loop of up to LOOP_MAX iterations is written as rows:
 * a global function (not static, __noinline, scalar arguments) with LOOP_ROW around the
 * work, and a caller with LOOP_ROWS around the calls of that function.
 *
 * A row is short, because the walk through it takes most of the time to load a program.
 * A long loop has more levels of rows instead (REPEAT). There are eight frames.
 */
#ifndef LOOP_H
#define LOOP_H

#include <linux/types.h>

#define ROW_MAX 64
#define LOOP_MAX (ROW_MAX * ROW_MAX)

/* `count` times, at most ROW_MAX. */
#define LOOP_ROW(i, count) for (__u32 i = 0; i < ROW_MAX && i < (count); i++)

/* Once for each row of `count` iterations, of which ROW_LENGTH are in this one. */
#define LOOP_ROWS(row, count) for (__u32 row = 0; row < ROW_MAX && row * ROW_MAX < (count); row++)
#define ROW_LENGTH(row, count) ((count) - (row) * ROW_MAX)

/* Defines a global function of `what`, ROW_MAX times or until it returns 1; returns that. */
#define REPEAT(name, parameters, what)  \
	__noinline int name parameters  \
	{                               \
		LOOP_ROW(i, ROW_MAX) {  \
			if (what)       \
				return 1; \
		}                       \
		return 0;               \
	}

#endif
