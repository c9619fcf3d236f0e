/* SPDX-License-Identifier: Apache-2.0 */
/* cert.h: `midge cert`: certificates for development. */
#pragma once

int cert_main(int argc, char **argv);
