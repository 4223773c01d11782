/* SPDX-License-Identifier: MIT */
/* coil-load - the load of coil-bench as a program of its own: see bench/load.h. */
#include "../bench/load.h"

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

const char *argp_program_version = "coil-load " COIL_VERSION;

int main(int argc, char **argv)
{
	return load_main(argc, argv);
}
