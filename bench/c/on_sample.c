/* The callback of both loops, in a file of its own so that neither inlines it. */
#include <stdint.h>

uint64_t samples_seen, bytes_seen;

void on_sample(const uint8_t *sample, uint64_t len)
{
	(void)sample;
	samples_seen++;
	bytes_seen += len;
}
