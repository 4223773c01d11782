/* SPDX-License-Identifier: MIT */
/*
 * When enough is known: a server is loaded again until its rounds' ratios to Coil are as narrow as
 * wanted, or until it is clear that it is far behind.
 */
#include "net.h"

#include <math.h>

#define ROUNDS_MIN 9			/* with fewer a comparison of files has no verdict */
#define ROUNDS_MIN_EXACT 3		/* of memory, which hardly varies */
#define ROUNDS_FAR 2
#define FAR 1.2				/* times Coil's, in each round */
#define NARROW 0.01			/* half of the interval, of the value */

double net_round_value(const struct net_round *round)
{
	return round->value;
}

double net_round_p99(const struct net_round *round)
{
	return round->p99_us;
}

/* Rounds that failed do not count. */
double net_median(const struct net_subject *subject, net_figure of)
{
	double values[NET_ROUNDS_MAX];
	size_t count = 0;

	for (unsigned int i = 0; i < subject->rounds_count; i++)
		if (!isnan(subject->rounds[i].value))
			values[count++] = of(&subject->rounds[i]);
	return median_of(values, count);
}

/* -- Ratios ------------------------------------------------------------------------------------ */

static size_t ratios_to(const struct net_subject *subject, const struct net_subject *base,
			net_figure of, double *ret_ratios)
{
	size_t count = 0;

	for (unsigned int i = 0; i < subject->rounds_count && i < base->rounds_count; i++) {
		double ratio = of(&subject->rounds[i]) / of(&base->rounds[i]);

		if (isfinite(ratio) && ratio > 0)
			ret_ratios[count++] = ratio;
	}
	return count;
}

struct net_ratio net_compare(const struct net_subject *subject, const struct net_subject *base,
			     net_figure of)
{
	double ratios[NET_ROUNDS_MAX];
	size_t count = ratios_to(subject, base, of, ratios);

	return (struct net_ratio){ .value = median_of(ratios, count),
				   .interval = median_interval(ratios, count, 1),
				   .count = count };
}

/* As the notches of a box plot: 1.57 interquartile ranges by the root of the number. */
static double half_width(double *values, size_t count)
{
	sort_values(values, count);
	return 1.57 * (quantile_sorted(values, count, 0.75) - quantile_sorted(values, count, 0.25))
	       / sqrt((double)count) / quantile_sorted(values, count, 0.5);
}

/* -- Decisions --------------------------------------------------------------------------------- */

static const struct net_subject *coil_of(const struct net_result *result)
{
	const struct net_subject *first = &result->subjects[0];

	return first->kind == NET_COIL && !first->words[0] ? first : NULL;
}

static bool is_far(const struct net_result *result, const double *ratios, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (result->cell->work == NET_SPIN ? ratios[i] > 1 / FAR : ratios[i] < FAR)
			return false;
	return count >= ROUNDS_FAR;
}

static bool is_decided(const struct net_result *result, const struct net_subject *subject)
{
	const struct net_subject *coil = coil_of(result);
	double ratios[NET_ROUNDS_MAX];
	size_t count;

	if (result->cell->work == NET_IDLE)
		return subject->rounds_count >= ROUNDS_MIN_EXACT;
	/* Nothing to compare with: so often as it may be. */
	if (!coil)
		return false;
	count = ratios_to(subject, coil, net_round_value, ratios);
	if (is_far(result, ratios, count))
		return true;
	return count >= ROUNDS_MIN && half_width(ratios, count) <= NARROW;
}

unsigned int net_undecided(const struct net_result *result, unsigned int round, bool *wanted)
{
	unsigned int count = 0;

	for (unsigned int i = 1; i < result->subjects_count; i++) {
		const struct net_subject *subject = &result->subjects[i];

		/* Who missed a round is out of step with Coil, but not for a failure. */
		wanted[i] = !subject->words[0] && subject->rounds_count == round &&
			    !is_decided(result, subject);
		count += wanted[i];
	}
	/* Coil beside them; alone, it has nothing to be compared with. */
	wanted[0] = !result->subjects[0].words[0] &&
		    (count > 0 || (result->subjects_count == 1 && round < ROUNDS_MIN));
	return count + wanted[0];
}

double net_uncertainty(const struct net_result *result)
{
	const struct net_subject *coil = coil_of(result);
	double ratios[NET_ROUNDS_MAX];
	size_t count = coil && result->floor ?
		       ratios_to(result->floor, coil, net_round_value, ratios) : 0;

	return count > 1 ? half_width(ratios, count) : UNKNOWN;
}
