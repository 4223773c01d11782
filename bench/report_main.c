/* SPDX-License-Identifier: MIT */
/* coil-bench report FILE...: a page of charts, and each chart as a file of its own. */
#include "commands.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/charts.h"

enum { KEY_SVG = 0x100, KEY_MARKDOWN, KEY_CSV, KEY_HGRM };

#define OUTPUTS 4

struct wishes {
	const char **paths;
	int paths_count;
	const char *outputs[OUTPUTS];
	const char *folder; /* of pictures; NULL: none */
};

static const int formats[OUTPUTS] = { COIL_BENCH_HTML, COIL_BENCH_MARKDOWN, COIL_BENCH_CSV,
				      COIL_BENCH_HGRM };

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct wishes *wishes = state->input;
	bool has_output = wishes->folder != NULL;

	switch (key) {
	case 'o':
		wishes->outputs[0] = text;
		return 0;
	case KEY_MARKDOWN:
	case KEY_CSV:
	case KEY_HGRM:
		wishes->outputs[1 + key - KEY_MARKDOWN] = text;
		return 0;
	case KEY_SVG:
		wishes->folder = text;
		return 0;
	case ARGP_KEY_ARG:
		wishes->paths[wishes->paths_count++] = text;
		return 0;
	case ARGP_KEY_END:
		for (int i = 0; i < OUTPUTS; i++)
			has_output |= wishes->outputs[i] != NULL;
		if (wishes->paths_count == 0)
			argp_error(state, "no file of results");
		if (!has_output)
			argp_error(state, "where to? -o FILE.html, --svg FOLDER, --markdown FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "One HTML page with charts, which needs nothing else", 0 },
	{ "svg", KEY_SVG, "FOLDER", 0, "Each chart as a file of its own", 0 },
	{ "markdown", KEY_MARKDOWN, "FILE", 0, "A table", 0 },
	{ "csv", KEY_CSV, "FILE", 0, "A line for each subject of a case", 0 },
	{ "hgrm", KEY_HGRM, "FILE", 0, "Percentiles of each histogram, as HdrHistogram's", 0 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE...",
	.doc = "Makes a report of files that `coil-bench run --json` wrote."
	       "\vFILE may be -, standard input or output. Of several files the first is the "
	       "report's; subjects of the others stand beside its own, with their file's name.",
};

static int complain(const char *path, int error)
{
	fprintf(stderr, "coil-bench: %s: %s\n", path, strerror(error));
	return 1;
}

/* -- Pictures ---------------------------------------------------------------------------------- */

static int write_chart(const char *folder, enum chart_kind kind, const struct coil_bench *bench,
		       const struct coil_bench_entry *entry)
{
	char path[4096];
	FILE *out;
	int error;

	snprintf(path, sizeof(path), "%s/", folder);
	for (const char *at = entry ? entry->name : "all"; *at; at++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%c",
			 strchr("/ \t\n.", *at) ? '_' : *at);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "-%s.svg", chart_names[kind]);
	out = fopen(path, "we");
	if (!out)
		return complain(path, errno);
	chart_draw(kind, bench, entry, out, true);
	error = ferror(out);
	return fclose(out) || error ? complain(path, EIO) : 0;
}

static int write_charts(const char *folder, const struct coil_bench *bench)
{
	int status = 0;

	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		return complain(folder, errno);
	if (chart_has_data(CHART_RATIOS, bench, NULL))
		status |= write_chart(folder, CHART_RATIOS, bench, NULL);
	for (size_t i = 0; i < bench->entries_count; i++)
		for (int kind = CHART_BARS; kind < CHART_KINDS; kind++)
			if (chart_has_data((enum chart_kind)kind, bench, bench->entries[i]))
				status |= write_chart(folder, (enum chart_kind)kind, bench,
						      bench->entries[i]);
	return status;
}

/* -- All --------------------------------------------------------------------------------------- */

static int write_output(const char *path, int format, const struct coil_bench *bench)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int rc;

	if (!out)
		return complain(path, errno);
	rc = coil_bench_write(bench, format, out);
	if (out != stdout && fclose(out) != 0)
		rc = -EIO;
	return rc < 0 ? complain(path, EIO) : 0;
}

/* "results/old.json" is called "old". */
static void label_of(const char *path, char label[64])
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	snprintf(label, 64, "%s", name);
	label[strcspn(label, ".")] = '\0';
}

static int read_files(const struct wishes *wishes, struct coil_bench **ret_bench)
{
	int rc = read_results(wishes->paths[0], ret_bench);
	char label[64];

	for (int i = 1; i < wishes->paths_count && rc == 0; i++) {
		struct coil_bench *more = NULL;

		label_of(wishes->paths[i], label);
		rc = read_results(wishes->paths[i], &more);
		if (rc == 0)
			rc = model_merge(*ret_bench, more, label);
		coil_bench_close(more);
	}
	return rc;
}

int report_main(int argc, char **argv)
{
	struct wishes wishes = { .paths_count = 0 };
	struct coil_bench *bench = NULL;
	int status = 1;

	argp_err_exit_status = 2;
	wishes.paths = calloc((size_t)argc, sizeof(*wishes.paths));
	if (!wishes.paths)
		return complain("report", ENOMEM);
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	if (read_files(&wishes, &bench) == 0) {
		status = 0;
		for (int i = 0; i < OUTPUTS; i++)
			if (wishes.outputs[i])
				status |= write_output(wishes.outputs[i], formats[i], bench);
		if (wishes.folder)
			status |= write_charts(wishes.folder, bench);
	}
	coil_bench_close(bench);
	free(wishes.paths);
	return status;
}
