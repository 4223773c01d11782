/* SPDX-License-Identifier: MIT */
/*
 * A histogram of times: each power of two is cut into 64 equal parts, so that any value is known
 * to 1.6 %, from 1 ns to 2^40 ns (18 minutes), in 18 KiB.
 */
#ifndef COIL_TOOLS_HISTOGRAM_H
#define COIL_TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 6
#define HISTOGRAM_PARTS (1u << HISTOGRAM_BITS)
#define HISTOGRAM_POWERS 35u

struct histogram {
	uint64_t counts[HISTOGRAM_PARTS * HISTOGRAM_POWERS];
	uint64_t total;
	uint64_t max;
};

/* Below 64 each value has its own place; above, the top seven bits name it. */
static inline uint32_t histogram_place(uint64_t value)
{
	uint32_t power;
	uint32_t place;

	if (value < HISTOGRAM_PARTS)
		return (uint32_t)value;
	power = 63u - (uint32_t)__builtin_clzll(value) - HISTOGRAM_BITS;
	place = (power + 1) * HISTOGRAM_PARTS + (uint32_t)(value >> power) - HISTOGRAM_PARTS;
	return place < HISTOGRAM_PARTS * HISTOGRAM_POWERS
		       ? place : HISTOGRAM_PARTS * HISTOGRAM_POWERS - 1;
}

/* The middle of what a place stands for. */
static inline uint64_t histogram_value(uint32_t place)
{
	uint32_t power = place / HISTOGRAM_PARTS;
	uint64_t part = place % HISTOGRAM_PARTS;

	if (power == 0)
		return part;
	return ((HISTOGRAM_PARTS + part) << (power - 1)) + ((UINT64_C(1) << (power - 1)) >> 1);
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->counts[histogram_place(value)]++;
	histogram->total++;
	if (value > histogram->max)
		histogram->max = value;
}

static inline void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (uint32_t place = 0; place < HISTOGRAM_PARTS * HISTOGRAM_POWERS; place++)
		into->counts[place] += from->counts[place];
	into->total += from->total;
	if (from->max > into->max)
		into->max = from->max;
}

/* @fraction of the values are at most this. 0 if there are none. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t wanted = (uint64_t)((double)histogram->total * fraction);
	uint64_t seen = 0;
	uint64_t value;

	for (uint32_t place = 0; place < HISTOGRAM_PARTS * HISTOGRAM_POWERS; place++) {
		seen += histogram->counts[place];
		if (seen > wanted || (seen && seen == histogram->total)) {
			value = histogram_value(place);
			return value < histogram->max ? value : histogram->max;
		}
	}
	return 0;
}

#endif
