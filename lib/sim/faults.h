/* SPDX-License-Identifier: MIT */
/* Errors that manual pages name, for each operation. */
#ifndef COIL_SIM_FAULTS_H
#define COIL_SIM_FAULTS_H

/* The @index-th errno that @opcode may fail with, positive; 0 after the last. */
int sim_fault_errno(unsigned opcode, unsigned index);

#endif
