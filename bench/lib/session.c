/* SPDX-License-Identifier: MIT */
/* See session.h. */
#include "session.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "measure.h"
#include "record.h"
#include "trend.h"

#define TIME_NS 3000000000
#define WINDOW_NS 200000
#define ROUNDS 15
#define WINDOWS 30
#define TOLERANCE 8
#define ROUNDS_MAX 1000
#define WINDOWS_MAX 10000
#define TIME_MAX_NS (24 * INT64_C(3600000000000))
/* After so many times its time a case has to do with what it has. */
#define PATIENCE 4
#define ROUNDS_ENOUGH 3
/* With fewer good rounds there would be no verdict. */
#define GOOD_ROUNDS 10
/* While a case has time left and its interval is wider than this, it gets more rounds. */
#define UNCERTAINTY_MAX 0.01
/* Beyond this two such runs could hardly exclude a change of 5 %: worth waiting for. */
#define UNCERTAINTY_BAD 0.015
#define MORE_ROUNDS 7
/* A round whose fixed work took longer than the best round's by this was a slow machine's. */
#define SPEED_TOLERANCE 1.05
#define PICOSECONDS 1000
#define PLANTED_MAX 1000

static volatile sig_atomic_t is_stopped;

static void note_signal(int signum)
{
	(void)signum;
	is_stopped = 1;
}

void stop_by_signal(bool is_child)
{
	struct sigaction action = { .sa_handler = note_signal };

	action.sa_flags = is_child ? 0 : (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

void coil_bench_stop(void)
{
	is_stopped = 1;
}

int coil_bench_is_stopped(void)
{
	return is_stopped;
}

/* -- Options ----------------------------------------------------------------------------------- */

static int set_defaults(struct coil_bench_options *options)
{
	if (options->time_ns < 0 || options->time_ns > TIME_MAX_NS || options->window_ns < 0 ||
	    options->rounds > ROUNDS_MAX || options->windows > WINDOWS_MAX ||
	    options->planted > PLANTED_MAX)
		return -EINVAL;
	options->time_ns = options->time_ns ? options->time_ns : TIME_NS;
	options->window_ns = options->window_ns ? options->window_ns : WINDOW_NS;
	options->rounds = options->rounds ? options->rounds : ROUNDS;
	options->windows = options->windows ? options->windows : WINDOWS;
	options->tolerance = options->tolerance ? options->tolerance : TOLERANCE;
	options->seed = options->seed ? options->seed : 1;
	options->name = options->name ? options->name : "unknown";
	options->subject = options->subject ? options->subject : "mine";
	options->version = options->version ? options->version : "unknown";
	options->commit = options->commit ? options->commit : "unknown";
	options->build = options->build ? options->build : "unknown";
	if (options->is_smoke)
		options->rounds = 1;
	return 0;
}

/* As much of the caller's options as it knew of when it was compiled. */
int coil_bench_open(struct coil_bench **ret_bench, const struct coil_bench_options *options)
{
	struct coil_bench *bench;
	int rc = model_new(&bench);

	if (rc < 0)
		return rc;
	bench->options = (struct coil_bench_options){ 0 };
	if (options)
		memcpy(&bench->options, options,
		       options->size < sizeof(*options) ? options->size : sizeof(*options));
	rc = options && options->size == 0 ? -EINVAL : set_defaults(&bench->options);
	if (rc == 0)
		rc = record_machine(bench);
	/* The model's own copies from now on. */
	bench->options.name = model_recorded(bench, "program");
	bench->options.subject = model_recorded(bench, "subject");
	bench->options.version = bench->options.commit = bench->options.build = NULL;
	if (rc < 0) {
		coil_bench_close(bench);
		return rc;
	}
	*ret_bench = bench;
	return 0;
}

/* -- A round ----------------------------------------------------------------------------------- */

static void run_here(void *arg, const struct coil_bench_case *bench_case,
		     const struct round_options *options, struct round *ret_round, char *ret_words)
{
	(void)arg;
	(void)ret_words;
	round_run(bench_case, options, ret_round);
}

const struct runner runner_here = { .run = run_here };

static struct coil_bench_result *result_of(struct coil_bench_entry *entry, const char *name)
{
	struct coil_bench_result *result;

	for (size_t i = 0; i < entry->results_count; i++)
		if (strcmp(entry->results[i]->name, name) == 0)
			return entry->results[i];
	return coil_bench_result_add(entry, name, &result) < 0 ? NULL : result;
}

/* Counters of the first round that has them: they hardly change from one to the next. */
static int take_counters(struct coil_bench_result *result, const struct round_subject *subject)
{
	int rc = 0;

	for (int i = 0; i < COUNTER_KINDS && rc == 0; i++)
		if (isnan(counter_of(result, counter_names[i])))
			rc = coil_bench_count(result, counter_names[i], subject->counters[i]);
	return rc;
}

static int take_windows(struct coil_bench_result *result, const struct round_subject *subject)
{
	static const struct coil_bench_histogram empty;
	int rc = 0;

	if (!result->histogram)
		rc = coil_bench_histogram_set(result, &empty, PICOSECONDS, "ns");
	for (unsigned i = 0; i < subject->kept && rc == 0; i++)
		coil_bench_histogram_add(result->histogram,
					 (uint64_t)(subject->values[i] * PICOSECONDS + 0.5), 1);
	return rc;
}

/* Rounds of all subjects keep step: what is missing is a NAN. */
static int take_round(struct coil_bench_entry *entry, const struct round *round, unsigned number)
{
	int rc = 0;

	for (unsigned i = 0; i < round->subjects_count && rc == 0; i++) {
		const struct round_subject *subject = &round->subjects[i];
		struct coil_bench_result *result = result_of(entry, subject->name);

		if (!result)
			return -ENOMEM;
		while (result->samples_count < number && rc == 0)
			rc = coil_bench_sample(result, UNKNOWN);
		if (rc == 0)
			rc = coil_bench_sample(result, subject->median);
		result->windows += subject->windows;
		result->windows_clean += subject->clean;
		result->units = subject->units;
		if (rc == 0)
			rc = take_counters(result, subject);
		if (rc == 0)
			rc = take_windows(result, subject);
	}
	return rc;
}

/* -- All rounds -------------------------------------------------------------------------------- */

struct rounds {
	const struct coil_bench_case *of;
	struct coil_bench_entry *entry;
	unsigned count;
	int error; /* of the last */
	char words[RUNNER_WORDS_BYTES];
};

struct session {
	struct coil_bench *bench;
	const struct runner *runner;
	struct round_options options;
	struct rounds *all;
	size_t count;
	struct round *round;
	uint64_t enough_at_ns;
	uint64_t patient_until_ns;
	FILE *progress;
};

static bool is_good(const struct rounds *rounds, unsigned number, double best)
{
	double speed = rounds->entry->speeds[number];

	return speed > 0 && speed <= best * SPEED_TOLERANCE;
}

static unsigned count_good(const struct rounds *rounds, double best)
{
	unsigned good = 0;

	for (unsigned i = 0; i < rounds->count; i++)
		good += is_good(rounds, i, best);
	return good;
}

/*
 * What one round in five beat: were it the best of all, a single round with the clock of a good
 * moment would condemn all others.
 */
static double best_speed(const struct session *session)
{
	size_t room = 1, count = 0;
	double *speeds, best;

	for (size_t i = 0; i < session->count; i++)
		room += session->all[i].count;
	speeds = malloc(room * sizeof(*speeds));
	for (size_t i = 0; speeds && i < session->count; i++)
		for (unsigned j = 0; j < session->all[i].count; j++)
			if (session->all[i].entry->speeds[j] > 0)
				speeds[count++] = session->all[i].entry->speeds[j];
	if (count == 0) {
		free(speeds);
		return HUGE_VAL;
	}
	sort_values(speeds, count);
	best = quantile_sorted(speeds, count, 0.2);
	free(speeds);
	return best;
}

/* What failed to open or died fails again; a busy machine may become quiet. */
static bool is_lost(const struct rounds *rounds)
{
	return rounds->of->whole || (rounds->error && rounds->error != -ETIME);
}

static int run_round(struct session *session, struct rounds *rounds, unsigned turn)
{
	int rc;

	if (is_lost(rounds) || rounds->count == ROUNDS_MAX || coil_bench_is_stopped())
		return 0;
	if (session->progress) {
		fprintf(session->progress, "\r\033[Kround %u%s: %s", turn + 1,
			turn < session->bench->options.rounds ? "" : " (more)",
			rounds->entry->name);
		fflush(session->progress);
	}
	session->runner->run(session->runner->arg, rounds->of, &session->options, session->round,
			     rounds->words);
	rc = take_round(rounds->entry, session->round, rounds->count);
	if (rc == 0)
		rc = entry_speed_add(rounds->entry, session->round->speed);
	rounds->count += rc == 0;
	rounds->error = session->round->error;
	return rc;
}

static int run_turns(struct session *session)
{
	unsigned turns = session->bench->options.rounds;
	int rc = 0;

	for (unsigned turn = 0; turn < turns && !coil_bench_is_stopped(); turn++) {
		if (turn >= ROUNDS_ENOUGH && measure_now_ns() > session->patient_until_ns)
			break;
		for (size_t i = 0; i < session->count && rc == 0; i++) {
			size_t at = turn & 1 ? session->count - 1 - i : i;

			rc = run_round(session, &session->all[at], turn);
		}
	}
	return rc;
}

/* Half of the interval, as a part of the median. */
static double half_interval(const double *values, size_t count)
{
	struct interval interval = median_interval(values, count, 1);

	return count ? (interval.high - interval.low) / 2 / median_of(values, count) : HUGE_VAL;
}

static double trend_uncertainty(struct trend_run *run)
{
	double values[ROUNDS_MAX];

	trend_values(run, trend_slope(run, 1), values);
	return half_interval(values, run->count);
}

/* Of what a comparison will look at. */
static double uncertainty(const struct rounds *rounds, double best)
{
	const struct coil_bench_result *floor = entry_floor(rounds->entry);
	const struct coil_bench_result *result = entry_main(rounds->entry);
	double values[ROUNDS_MAX], by_values, by_trend;
	struct trend_run run;
	size_t count = 0;

	for (unsigned i = 0; result && i < rounds->count && i < result->samples_count; i++) {
		double value = result->samples[i];

		if (floor)
			value /= i < floor->samples_count ? floor->samples[i] : UNKNOWN;
		else
			value /= rounds->entry->speeds[i];
		if (is_good(rounds, i, best) && isfinite(value))
			values[count++] = value;
	}
	by_values = half_interval(values, count);
	if (count == 0 || !floor || trend_open(&run, floor, result) < 0)
		return by_values;
	by_trend = trend_uncertainty(&run);
	trend_close(&run);
	return by_trend < by_values / TREND_NARROWER ? by_trend : by_values;
}

static bool wants_more(const struct session *session, const struct rounds *rounds, double best)
{
	uint64_t now = measure_now_ns();

	if (is_lost(rounds) || now > session->patient_until_ns)
		return false;
	return count_good(rounds, best) < GOOD_ROUNDS ||
	       uncertainty(rounds, best) > (now < session->enough_at_ns ? UNCERTAINTY_MAX
									: UNCERTAINTY_BAD);
}

/* Again, where the machine was slow too often or the values spread: as many times more, at most. */
static int run_again(struct session *session)
{
	unsigned turns = session->bench->options.rounds * MORE_ROUNDS;
	bool has_run = true;
	int rc = 0;

	for (unsigned turn = 0; turn < turns && has_run && rc == 0; turn++) {
		double best = best_speed(session);

		has_run = false;
		for (size_t i = 0; i < session->count && rc == 0; i++) {
			if (coil_bench_is_stopped() || !wants_more(session, &session->all[i], best))
				continue;
			rc = run_round(session, &session->all[i],
				       session->bench->options.rounds + turn);
			has_run = true;
		}
	}
	return rc;
}

/*
 * Full speed is learned anew in each round. Where all of a round was slow it did not notice; the
 * others show it. Should too few be left, all stay, and the noise tells.
 */
static void drop_slow_rounds(struct rounds *rounds, double best)
{
	struct coil_bench_entry *entry = rounds->entry;
	struct noise *noise = &entry->noise;
	unsigned good = count_good(rounds, best);
	bool drops = good >= GOOD_ROUNDS || (good >= ROUNDS_ENOUGH && 2 * good >= rounds->count);

	for (unsigned i = 0; i < rounds->count; i++) {
		double speed = entry->speeds[i];

		if (!(speed > 0))
			continue;
		noise->speed_worst = fmax(noise->speed_worst, speed);
		if (!drops || is_good(rounds, i, best))
			noise->speed = fmin(noise->speed, speed);
	}
	for (size_t i = 0; i < entry->results_count && drops; i++) {
		for (unsigned j = 0; j < entry->results[i]->samples_count; j++)
			if (!is_good(rounds, j, best))
				entry->results[i]->samples[j] = UNKNOWN;
		result_forget(entry->results[i]);
	}
}

static void note_clean(struct coil_bench_entry *entry)
{
	uint64_t clean = 0, windows = 0;

	for (size_t i = 0; i < entry->results_count; i++) {
		clean += entry->results[i]->windows_clean;
		windows += entry->results[i]->windows;
	}
	if (windows)
		entry->noise.clean = (double)clean / (double)windows;
}

static const char *words_of(const struct rounds *rounds)
{
	if (rounds->words[0])
		return rounds->words;
	if (rounds->error == -ETIME)
		return "not a single window ran at full speed: the machine is too busy";
	if (rounds->error == -EINTR || rounds->error == 0)
		return "interrupted";
	return strerror(-rounds->error);
}

static int finish(struct rounds *rounds, double best)
{
	int rc = rounds->error;

	if (rounds->of->whole)
		return rc;
	drop_slow_rounds(rounds, best);
	note_clean(rounds->entry);
	if (!entry_main(rounds->entry)) {
		entry_fail(rounds->entry, words_of(rounds));
		return rc ? rc : -EINTR;
	}
	if (rc == -ETIME)
		return 0;
	if (rc < 0 && rc != -EINTR)
		entry_fail(rounds->entry, words_of(rounds));
	return rc;
}

static int measure_whole(struct rounds *rounds)
{
	struct coil_bench_case copy = *rounds->of;
	struct core_hold hold;

	core_hold(&hold, &copy);
	rounds->error = copy.whole(&copy, rounds->entry);
	core_release(&hold);
	if (rounds->error < 0 && !rounds->entry->error)
		return entry_fail(rounds->entry, strerror(-rounds->error));
	return 0;
}

/* -- The session ------------------------------------------------------------------------------- */

static int open_session(struct session *session, const struct coil_bench_case *const *cases)
{
	const struct coil_bench_options *options = &session->bench->options;
	uint64_t time_ns = (uint64_t)options->time_ns * session->count;
	int rc = 0;

	session->options = (struct round_options){
		.time_ns = (uint64_t)options->time_ns / options->rounds,
		.window_ns = (uint64_t)options->window_ns,
		.windows = options->windows,
		.tolerance = options->tolerance,
		.is_smoke = options->is_smoke,
		.planted = options->planted,
	};
	snprintf(session->options.subject, sizeof(session->options.subject), "%s",
		 options->subject);
	session->enough_at_ns = measure_now_ns() + time_ns;
	session->patient_until_ns = session->enough_at_ns + (PATIENCE - 1) * time_ns;
	session->round = calloc(1, sizeof(*session->round));
	session->all = calloc(session->count, sizeof(*session->all));
	if (!session->round || !session->all)
		return -ENOMEM;
	for (size_t i = 0; i < session->count && rc == 0; i++) {
		session->all[i].of = cases[i];
		if (!cases[i]->whole && !cases[i]->open && !cases[i]->subjects[0].run)
			rc = -EINVAL;
		else
			rc = coil_bench_entry_add(session->bench, cases[i],
						  &session->all[i].entry);
	}
	return rc;
}

static int run_session(struct session *session)
{
	bool is_smoke = session->bench->options.is_smoke;
	int rc = run_turns(session), worst = 0;
	double best;

	if (rc == 0 && !is_smoke)
		rc = run_again(session);
	for (size_t i = 0; i < session->count && rc == 0 && !coil_bench_is_stopped(); i++)
		if (session->all[i].of->whole)
			rc = measure_whole(&session->all[i]);
	if (session->progress)
		fputs("\r\033[K", session->progress);
	best = best_speed(session);
	for (size_t i = 0; i < session->count && rc == 0; i++) {
		int error = finish(&session->all[i], best);

		worst = error && (!worst || worst == -EINTR) ? error : worst;
	}
	return rc ? rc : worst;
}

int session_measure(struct coil_bench *bench, const struct coil_bench_case *const *cases,
		    size_t count, const struct runner *runner, FILE *progress)
{
	struct session session = { .bench = bench, .runner = runner, .count = count,
				   .progress = progress };
	size_t first = bench->entries_count;
	struct noise noise = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
	struct machine_time before;
	int rc;

	machine_time_read(&before);
	rc = open_session(&session, cases);
	if (rc == 0)
		rc = run_session(&session);
	machine_time_compare(&before, &noise);
	for (size_t i = first; i < bench->entries_count; i++) {
		bench->entries[i]->noise.stolen = noise.stolen;
		bench->entries[i]->noise.others = noise.others;
	}
	bench->is_interrupted |= coil_bench_is_stopped();
	free(session.round);
	free(session.all);
	return rc;
}

int coil_bench_measure(struct coil_bench *bench, const struct coil_bench_case *bench_case)
{
	return session_measure(bench, &bench_case, 1, &runner_here, NULL);
}
