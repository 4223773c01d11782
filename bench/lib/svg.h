/* SPDX-License-Identifier: MIT */
/*
 * svg - drawing as text.
 *
 * Every picture is as wide as a telephone and keeps its size of letters; a page puts several side
 * by side. Colours are classes, whose meaning the style gives for light, dark and paper.
 */
#ifndef COIL_BENCH_LIB_SVG_H
#define COIL_BENCH_LIB_SVG_H

#include <stdbool.h>
#include <stdio.h>

#define SVG_WIDTH 360
#define SVG_COLOURS 8

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* The rules for colours and letters: for a <style>, of a page or of one picture. */
extern const char svg_style[];

/* With &, <, > and quotes as entities; what no page may hold is left out. */
void svg_escape(FILE *out, const char *text);

/* A picture with a title that is shown and a description that is read out. */
void svg_begin(FILE *out, const char *title, const char *words, int height, bool is_alone);
void svg_end(FILE *out);
void svg_text(FILE *out, double x, double y, enum svg_anchor anchor, const char *text);
void svg_line(FILE *out, const char *classes, const double from[2], const double to[2]);
void svg_bar(FILE *out, const char *classes, const double corner[2], const double size[2]);
void svg_dot(FILE *out, const char *classes, double x, double y);

/* A line through many points: open, points, close. */
void svg_path_begin(FILE *out, const char *classes);
void svg_path_to(FILE *out, bool is_first, double x, double y);
void svg_path_end(FILE *out);

/* A scale from values to places. */
struct scale {
	double from, to;   /* values */
	double at, length; /* places; length may be below 0 */
	bool is_logarithmic;
};

double scale_place(const struct scale *scale, double value);
/* A round step that cuts the span into at most so many parts. */
double scale_step(double span, int parts);

#endif
