# SPDX-License-Identifier: Apache-2.0
"""What the test suites over the real binary share: processes, wire clients, certificates."""
