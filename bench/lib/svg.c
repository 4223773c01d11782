/* SPDX-License-Identifier: MIT */
/* See svg.h. */
#include "svg.h"

#include <math.h>

#define TITLE_AT 16

const char svg_style[] =
	"svg{--ink:#1b1f24;--soft:#59636e;--rule:#d1d9e0;--paper:#fff;--c0:#0072b2;--c1:#d55e00;"
	"--c2:#009e73;--c3:#cc79a7;--c4:#b58900;--c5:#56b4e9;--c6:#7f3fbf;--c7:#8b4513;"
	"--floor:#8a939c;font:12px system-ui,sans-serif}\n"
	"@media (prefers-color-scheme:dark){svg{--ink:#e6edf3;--soft:#9198a1;--rule:#3d444d;"
	"--paper:#0d1117;--c0:#58a6e8;--c1:#ff9248;--c2:#3fc79a;--c3:#e6a0c4;--c4:#e3c04b;"
	"--c5:#8fd3ff;--c6:#b98cf0;--c7:#d69a6a;--floor:#9aa4ae}}\n"
	"@media print{svg{--ink:#000;--soft:#333;--rule:#bbb;--paper:#fff;--c0:#0072b2;"
	"--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#b58900;--c5:#56b4e9;--c6:#7f3fbf;"
	"--c7:#8b4513;--floor:#777}}\n"
	"svg text{fill:var(--ink)}svg .title{font-weight:600}svg .soft{fill:var(--soft)}\n"
	"svg .rule{stroke:var(--rule)}svg .ink{stroke:var(--ink);stroke-width:1.5}\n"
	"svg .goal{stroke:var(--c1);stroke-width:2;stroke-dasharray:3 2}\n"
	"svg path{fill:none;stroke-width:1.8;stroke-linejoin:round}\n"
	"svg .f0{fill:var(--c0)}svg .f1{fill:var(--c1)}svg .f2{fill:var(--c2)}"
	"svg .f3{fill:var(--c3)}svg .f4{fill:var(--c4)}svg .f5{fill:var(--c5)}"
	"svg .f6{fill:var(--c6)}svg .f7{fill:var(--c7)}svg .ff{fill:var(--floor)}\n"
	"svg .s0{stroke:var(--c0)}svg .s1{stroke:var(--c1)}svg .s2{stroke:var(--c2)}"
	"svg .s3{stroke:var(--c3)}svg .s4{stroke:var(--c4)}svg .s5{stroke:var(--c5)}"
	"svg .s6{stroke:var(--c6)}svg .s7{stroke:var(--c7)}"
	"svg .sf{stroke:var(--floor);stroke-dasharray:5 3}\n"
	"svg path.again{stroke-dasharray:2 2}svg rect.again{fill-opacity:.55}\n";

void svg_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else if ((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t')
			fputc(*text, out);
	}
}

void svg_begin(FILE *out, const char *title, const char *words, int height, bool is_alone)
{
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" class=\"chart\" "
		"viewBox=\"0 0 %d %d\"", SVG_WIDTH, height);
	if (is_alone)
		fprintf(out, " width=\"%d\" height=\"%d\"", 2 * SVG_WIDTH, 2 * height);
	fputs(">\n<title>", out);
	svg_escape(out, title);
	fputs("</title>\n<desc>", out);
	svg_escape(out, words);
	fputs("</desc>\n", out);
	if (is_alone)
		fprintf(out, "<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" "
			"fill=\"var(--paper)\"/>\n", svg_style);
	fprintf(out, "<text class=\"title\" x=\"0\" y=\"%d\">", TITLE_AT);
	svg_escape(out, title);
	fputs("</text>\n", out);
}

void svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

void svg_text(FILE *out, double x, double y, enum svg_anchor anchor, const char *text)
{
	static const char *const anchors[] = { "start", "middle", "end" };

	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchors[anchor]);
	svg_escape(out, text);
	fputs("</text>\n", out);
}

void svg_line(FILE *out, const char *classes, const double from[2], const double to[2])
{
	fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		classes, from[0], from[1], to[0], to[1]);
}

void svg_bar(FILE *out, const char *classes, const double corner[2], const double size[2])
{
	fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
		classes, corner[0], corner[1], fmax(size[0], 0), fmax(size[1], 0));
}

void svg_dot(FILE *out, const char *classes, double x, double y)
{
	fprintf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", classes, x, y);
}

void svg_path_begin(FILE *out, const char *classes)
{
	fprintf(out, "<path class=\"%s\" d=\"", classes);
}

void svg_path_to(FILE *out, bool is_first, double x, double y)
{
	fprintf(out, "%s%.1f %.1f", is_first ? "M" : "L", x, y);
}

void svg_path_end(FILE *out)
{
	fputs("\"/>\n", out);
}

double scale_place(const struct scale *scale, double value)
{
	double part = (value - scale->from) / (scale->to - scale->from);

	if (scale->is_logarithmic)
		part = log(value / scale->from) / log(scale->to / scale->from);
	part = isfinite(part) ? fmax(0, fmin(1, part)) : 0;
	return scale->at + part * scale->length;
}

double scale_step(double span, int parts)
{
	double least = span / parts, power;

	if (!(least > 0) || !isfinite(least))
		return 1;
	power = pow(10, floor(log10(least)));
	return least <= power ? power : least <= 2 * power ? 2 * power
		: least <= 5 * power ? 5 * power : 10 * power;
}
