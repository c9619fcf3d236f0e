/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h: the server as a command: flags and files, then serve until a signal. */
#pragma once

int serve_main(int argc, char **argv);
