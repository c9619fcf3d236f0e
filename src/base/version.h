/* SPDX-License-Identifier: Apache-2.0 */
/* version.h: the two versions of this program. MIDGE_VERSION (midge's own) comes from the build. */
#pragma once

/* The level of nats-server whose behaviour clients and tools may rely on: INFO and /varz carry it
 * as `version`, where client libraries compare it. */
#define MIDGE_NATS_LEVEL "2.15.0"

/* INFO and /varz `go`: the reference names its toolchain there; any text does. */
#define MIDGE_TOOLCHAIN "C17"
