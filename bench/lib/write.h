/* SPDX-License-Identifier: MIT */
/* write - a model as text of some kind. The stream's errors are looked at by the caller. */
#ifndef COIL_BENCH_LIB_WRITE_H
#define COIL_BENCH_LIB_WRITE_H

#include "model.h"

#define WRITE_JSON_VERSION 2

void write_json(const struct coil_bench *bench, FILE *out);
void write_csv(const struct coil_bench *bench, FILE *out);
void write_markdown(const struct coil_bench *bench, FILE *out);
void write_hgrm(const struct coil_bench *bench, FILE *out);
void write_html(const struct coil_bench *bench, FILE *out);

/* The table, row by row, as cases are done; then what has to be said about them all. */
void write_table_head(FILE *out);
void write_table_entry(const struct coil_bench_entry *entry, FILE *out);
void write_table_foot(const struct coil_bench *bench, FILE *out);

/* "12.3", "1,234": four digits that count; "-" for NAN. */
void describe_value(double value, char *text, size_t bytes);

#endif
