/* SPDX-License-Identifier: MIT */
/* Coil whole: includes every public header and holds nothing itself. */
#ifndef COIL_H
#define COIL_H

#include "coil/alloc.h"
#include "coil/combine.h"
#include "coil/completion.h"
#include "coil/error.h"
#include "coil/file.h"
#include "coil/futex.h"
#include "coil/future.h"
#include "coil/group.h"
#include "coil/loop.h"
#include "coil/net.h"
#include "coil/node.h"
#include "coil/op.h"
#include "coil/ops.h"
#include "coil/path.h"
#include "coil/process.h"
#include "coil/promise.h"
#include "coil/run.h"
#include "coil/scope.h"
#include "coil/sim.h"
#include "coil/socket.h"
#include "coil/stats.h"
#include "coil/stream.h"
#include "coil/syscalls.h"
#include "coil/task.h"
#include "coil/time.h"
#include "coil/timer.h"

#endif
