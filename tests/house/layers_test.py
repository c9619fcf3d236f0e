#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of layers.py, shown a house that breaks it and one that only looks as if."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import layers

RANKS = "0 os\n1 base\n2 proto subject\n5 net  # a remark\n8 client\n"


def violations(files):
    """What layers.check says about a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        src = Path(root) / "src"
        src.mkdir()
        (src / "layers.txt").write_text(RANKS)
        for name, text in files.items():
            path = src / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return layers.check(root)[0]


class Rules(unittest.TestCase):
    def expect(self, files, *problems):
        self.assertEqual(violations(files), list(problems))

    def test_downward_and_own_folder_are_fine(self):
        self.expect({
            "os/os.h": "",
            "base/buf.h": '#include "os/os.h"\n#include <string.h>\n',
            "client/client.h": "",
            "client/client.c": '#include "client/client.h"\n#include "base/buf.h"\n',
        })

    def test_upward(self):
        self.expect(
            {"net/conn.h": "", "base/buf.c": '/* a\n b */\n#include "net/conn.h"\n'},
            'src/base/buf.c:3: "net/conn.h": base may not include net (upward, 1 to 5; src/layers.txt)',
        )

    def test_sideways(self):
        self.expect(
            {"proto/verb.h": "", "subject/trie.h": '#include "proto/verb.h"\n'},
            'src/subject/trie.h:1: "proto/verb.h": subject may not include proto '
            "(sideways, both have rank 2; src/layers.txt)",
        )

    def test_subfolders_belong_to_their_folder(self):
        self.expect(
            {"client/web/a.h": '#include "base/b.h"\n', "base/b.h": "",
             "base/x/c.h": '#include "client/web/a.h"\n'},
            'src/base/x/c.h:1: "client/web/a.h": base may not include client (upward, 1 to 8; src/layers.txt)',
        )

    def test_tables_count_as_files(self):
        self.expect(
            {"net/a.def": "", "proto/a.c": '#include "net/a.def"\n'},
            'src/proto/a.c:1: "net/a.def": proto may not include net (upward, 2 to 5; src/layers.txt)',
        )

    def test_unknown_file(self):
        self.expect(
            {"base/a.c": '#include "b.h"\n', "base/b.h": ""},
            'src/base/a.c:1: "b.h" is not a file below src; write "folder/file.h"',
        )

    def test_folder_without_rank(self):
        self.expect(
            {"attic/a.c": "int x;\n"},
            "src/attic/a.c:1: folder attic has no rank; give it one in src/layers.txt",
        )

    def test_circle(self):
        self.expect(
            {"base/a.h": '#include "base/b.h"\n', "base/b.h": '\n#include "base/c.h"\n',
             "base/c.h": '#include "base/a.h"\n'},
            "src/base/c.h:1: includes in a circle: base/a.h -> base/b.h -> base/c.h -> base/a.h",
        )

    def test_include_of_itself(self):
        self.expect(
            {"base/a.h": '#include "base/a.h"\n'},
            "src/base/a.h:1: includes in a circle: base/a.h -> base/a.h",
        )

    def test_a_diamond_is_no_circle(self):
        self.expect({
            "base/a.h": '#include "base/b.h"\n#include "base/c.h"\n',
            "base/b.h": '#include "base/d.h"\n', "base/c.h": '#include "base/d.h"\n', "base/d.h": "",
        })

    def test_libuv_only_in_net_and_os(self):
        self.expect(
            {"net/loop.c": "#include <uv.h>\n", "os/os.c": "#include <uv.h>\n",
             "client/a.c": "#include <uv.h>\n"},
            "src/client/a.c:1: <uv.h>: only net and os use libuv; use net/loop.h or os/os.h",
        )

    def test_urcu_only_in_base_rcu(self):
        self.expect(
            {"base/rcu.c": "#include <urcu-memb.h>\n", "base/rcu_test.c": "#include <urcu/list.h>\n",
             "base/list.c": "#include <urcu/list.h>\n"},
            "src/base/list.c:1: <urcu/list.h>: only base/rcu uses liburcu; use base/rcu.h",
        )

    def test_forbidden_functions(self):
        for name, instead in layers.FORBIDDEN.items():
            with self.subTest(name):
                self.expect(
                    {"base/a.c": f"int f(void)\n{{\n        return !!{name} (x);\n}}\n"},
                    f"src/base/a.c:3: {name}() is not used here; use {instead}",
                )

    def test_names_that_only_look_forbidden(self):
        self.expect({"base/a.c": "".join((
            "/* strcpy(a, b) and\n * malloc(3) */\n",
            "// gets(x)\n",
            'const char *s = "atoi(x) \\" strcat(y)";\n',
            "void f(void) { snprintf(a, 1, b); strtok_r(a, b, c); my_gets(a); vsnprintf(a); }\n",
        ))})

    def test_bare_heap(self):
        for name in ("malloc", "calloc", "realloc", "free"):
            with self.subTest(name):
                self.expect(
                    {"base/mem.c": f"void *p = {name}(q);\n", "net/a.c": f"\nvoid *p = {name}(q);\n"},
                    f"src/net/a.c:2: {name}() outside base; use base/mem.h",
                )

    def test_names_that_only_look_like_the_heap(self):
        self.expect({"net/a.c": "void f(void) { xfree(p); SSL_free(p); ops->free(p); ops.free(p); }\n"})

    def test_platform_questions(self):
        for line in ("#ifdef __linux__", "#if defined(__APPLE__) && x", "#  ifndef _WIN32",
                     "#elif defined(__FreeBSD__)"):
            with self.subTest(line):
                found = violations({"os/a.c": line + "\n", "net/a.c": "#if 0\n" + line + "\n"})
                self.assertEqual(len(found), 1)
                self.assertRegex(found[0], r"^src/net/a\.c:2: \w+: which platform this is, only src/os asks$")

    def test_other_conditions_are_fine(self):
        self.expect({"net/a.h": "#ifndef NDEBUG\n#if OPENSSL_VERSION_NUMBER >= 0x30200000L\n#ifdef linux_x\n"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
