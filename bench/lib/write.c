/* SPDX-License-Identifier: MIT */
/* coil_bench_write: one format or another. */
#include "write.h"

#include <errno.h>

static void write_table(const struct coil_bench *bench, FILE *out)
{
	write_table_head(out);
	for (size_t i = 0; i < bench->entries_count; i++)
		write_table_entry(bench->entries[i], out);
	write_table_foot(bench, out);
}

int coil_bench_write(const struct coil_bench *bench, int format, FILE *out)
{
	static void (*const writers[])(const struct coil_bench *bench, FILE *out) = {
		[COIL_BENCH_TABLE] = write_table,
		[COIL_BENCH_JSON] = write_json,
		[COIL_BENCH_CSV] = write_csv,
		[COIL_BENCH_MARKDOWN] = write_markdown,
		[COIL_BENCH_HTML] = write_html,
		[COIL_BENCH_HGRM] = write_hgrm,
	};

	if (format < 0 || (size_t)format >= sizeof(writers) / sizeof(writers[0]))
		return -EINVAL;
	writers[format](bench, out);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
