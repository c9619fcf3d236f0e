# SPDX-License-Identifier: Apache-2.0
"""Input that arrives in pieces: at whatever byte it is cut, it means the same."""

import pytest

# One of everything, with sizes of different length and a payload that looks like operations.
SESSION = (b'CONNECT {"verbose":true,"pedantic":false,"headers":true,"protocol":0}\r\n'
           b"SUB split.* 1\r\n"
           b"SUB split.q group 2\r\n"
           b"PING\r\n"
           b"PUB split.a 11\r\nhello\r\nPING\r\n"
           b"PUB split.b reply.to 0\r\n\r\n"
           b"HPUB split.c 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"
           b"HPUB split.d reply.to 12 12\r\nNATS/1.0\r\n\r\n\r\n"
           b"PONG\r\n+OK\r\nINFO {}\r\n"
           b"UNSUB 1 100\r\n"
           b"UNSUB 2\r\n"
           b"PUB split.e 2\r\nok\r\n"
           b"UNSUB 1\r\n"
           b"PUB split.f 2\r\nok\r\n"
           b"PING\r\n")

ANSWER = (b"+OK\r\n+OK\r\n+OK\r\nPONG\r\n"
          b"+OK\r\nMSG split.a 1 11\r\nhello\r\nPING\r\n"
          b"+OK\r\nMSG split.b 1 reply.to 0\r\n\r\n"
          b"+OK\r\nHMSG split.c 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"
          b"+OK\r\nHMSG split.d 1 reply.to 12 12\r\nNATS/1.0\r\n\r\n\r\n"
          b"+OK\r\n+OK\r\n"
          b"+OK\r\nMSG split.e 1 2\r\nok\r\n"
          b"+OK\r\n+OK\r\nPONG\r\n")


def test_unsplit(client):
    client.send(SESSION)
    client.expect(ANSWER)


# TestSplitBufferSubOp, TestSplitBufferUnsubOp, TestSplitBufferPubOp (and 2 to 5),
# TestSplitConnectArg, TestProtoCrash
def test_byte_by_byte(client):
    client.send_bytewise(SESSION)
    client.expect(ANSWER)


@pytest.mark.parametrize("size", [2, 3, 5, 7, 11, 13, 64, 100])
def test_pieces(client, size):
    for begin in range(0, len(SESSION), size):
        client.send(SESSION[begin:begin + size])
    client.expect(ANSWER)


# Every cut, each in a connection of its own, the two parts certainly read apart: the barrier
# between them is another client's, so the server has read the first part (or has it in one read
# with the second, which is the unsplit case).
def test_every_cut(server, connect):
    other = connect()
    for cut in range(1, len(SESSION)):
        with server.client() as client:
            client.send(SESSION[:cut])
            other.barrier()
            client.send(SESSION[cut:])
            client.expect(ANSWER)


# TestProtoCrash
def test_connect_without_its_line_end(client, connect):
    client.send('CONNECT {"verbose":true,"tls_required":false,"user":"test","pedantic":true}')
    connect().barrier()
    client.send("\r\n")
    client.expect("+OK\r\n")


# TestSplitDanglingArgBuf: what a split argument left behind does not leak into the next operation.
def test_dangling_arguments(connect):
    client = connect()
    other = connect()
    client.send("SUB dangling.first 1\r\nSUB dangling.sec")
    other.barrier()
    client.send("ond 2\r\nPUB dangling.second 5\r\nhe")
    other.barrier()
    client.send("llo\r\nPUB dangling.fi")
    client.expect("MSG dangling.second 2 5\r\nhello\r\n")
    other.barrier()
    client.send("rst reply 3\r\nabc\r\nPUB dangling.first 1\r\nx\r\nPING\r\n")
    client.expect("MSG dangling.first 1 reply 3\r\nabc\r\nMSG dangling.first 1 1\r\nx\r\nPONG\r\n")


# TestSplitBufferPubOp5: a payload over many reads, followed in the last one by more operations.
@pytest.mark.parametrize("size", [100, 511, 512, 513, 4096, 65535, 65536, 65537, 300000])
def test_large_payload_in_pieces(connect, size):
    client = connect()
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    client.send("SUB large 1\r\nPUB large ", str(size), "\r\n")
    for begin in range(0, size, 7001):
        client.send(data[begin:begin + 7001])
    client.send("\r\nPUB large 2\r\nok\r\nPING\r\n")
    client.expect_msg("large", 1, data)
    client.expect("MSG large 1 2\r\nok\r\nPONG\r\n")


def test_split_between_cr_and_lf_of_a_payload(connect):
    client = connect()
    other = connect()
    client.send("SUB crlf 1\r\nPUB crlf 2\r\nok\r")
    other.barrier()
    client.send("\n")
    client.expect("MSG crlf 1 2\r\nok\r\n")
    client.send("PUB crlf 2\r")
    other.barrier()
    client.send("\nok")
    other.barrier()
    client.send("\r\n")
    client.expect("MSG crlf 1 2\r\nok\r\n")


def test_split_error_is_still_an_error(connect):
    client = connect()
    other = connect()
    client.send("PUB foo 2\r\nok")
    other.barrier()
    client.send("x\r\n")
    client.expect_fatal("Unknown Protocol Operation")
