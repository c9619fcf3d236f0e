// SPDX-License-Identifier: Apache-2.0
// The steps of ../README.md with jnats, the Java client.

import io.nats.client.Connection;
import io.nats.client.ConnectionListener.Events;
import io.nats.client.Dispatcher;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Interop {
    static final Duration WAIT = Duration.ofSeconds(10);
    static final Duration AGAIN = Duration.ofMillis(100);
    static final int LARGE_BYTES = 900000;
    static Connection nc;

    interface Step {
        void run() throws Exception;
    }

    static void check(boolean condition, String why) throws Exception {
        if (!condition)
            throw new Exception(why);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(Message msg) {
        return new String(msg.getData(), StandardCharsets.UTF_8);
    }

    static Message next(Subscription sub) throws Exception {
        Message msg = sub.nextMessage(WAIT);
        check(msg != null, "no message");
        return msg;
    }

    static Certificate certificate(String file) throws Exception {
        try (FileInputStream in = new FileInputStream(file)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static PrivateKey key(String file) throws Exception {
        String pem = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance("EC").generatePrivate(
                new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }

    static KeyStore emptyStore() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    static SSLContext context(Map<String, String> args) throws Exception {
        KeyStore trusted = emptyStore();
        trusted.setCertificateEntry("ca", certificate(args.get("--ca")));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        KeyStore own = emptyStore();
        if (args.containsKey("--cert"))
            own.setKeyEntry("own", key(args.get("--key")), new char[0],
                    new Certificate[] {certificate(args.get("--cert"))});
        keys.init(own, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static Options.Builder options(String[] argv) throws Exception {
        Map<String, String> args = new HashMap<>();
        for (int i = 1; i < argv.length; i++)
            args.put(argv[i], List.of("--tls-first", "--stay").contains(argv[i]) ? "" : argv[++i]);
        Options.Builder options = new Options.Builder().server(argv[0])
                .connectionTimeout(WAIT.dividedBy(2)).reportNoResponders().errorListener(new Quiet());
        if (argv[0].startsWith("tls:"))
            options.sslContext(context(args));
        if (args.containsKey("--tls-first"))
            options.tlsFirst();
        return options;
    }

    static void connect(String[] argv) throws Exception {
        nc = Nats.connect(options(argv).maxReconnects(0).build());
        nc.flush(WAIT);
    }

    static void say(String words) {
        System.out.println("ok " + words);
        System.out.flush();
    }

    static void again(Connection from) {
        try {
            from.flush(WAIT);
            say("again");
        } catch (Exception error) {
            // Disconnected once more: the next event tells.
        }
    }

    /** One connection that reconnects by itself, until the text "end" comes. */
    static void stay(String[] argv) throws Exception {
        CompletableFuture<Boolean> ended = new CompletableFuture<>();
        Options.Builder options = options(argv).maxReconnects(-1).reconnectWait(AGAIN)
                .reconnectJitter(Duration.ZERO).reconnectJitterTls(Duration.ZERO);
        Connection own = Nats.connect(options.connectionListener((from, event) -> {
            if (event == Events.CLOSED)
                ended.complete(false);
            else if (event == Events.RESUBSCRIBED)
                again(from);
        }).build());
        own.createDispatcher(msg -> {
            say("message " + text(msg));
            if (text(msg).equals("end"))
                ended.complete(true);
        }).subscribe("interop.stay");
        own.flush(WAIT);
        say("up");
        check(ended.get(), "closed");
        check(own.drain(WAIT).get(20, TimeUnit.SECONDS), "not drained");
    }

    /** Errors reach the step that meets them. */
    static class Quiet implements io.nats.client.ErrorListener {
    }

    static void pubsub() throws Exception {
        Subscription sub = nc.subscribe("interop.a.*");
        nc.publish("interop.a.one", bytes("hello"));
        Message msg = next(sub);
        check(msg.getSubject().equals("interop.a.one") && text(msg).equals("hello"),
                "other subject or payload");
        sub.unsubscribe();
    }

    static void headers() throws Exception {
        Subscription sub = nc.subscribe("interop.h");
        Headers headers = new Headers().add("X-Interop", "one", "two");
        nc.publish(NatsMessage.builder().subject("interop.h").headers(headers).build());
        Message msg = next(sub);
        check(List.of("one", "two").equals(msg.getHeaders().get("X-Interop")), "other header values");
        check(msg.getData().length == 0, "a payload from nowhere");
        sub.unsubscribe();
    }

    static void request() throws Exception {
        Dispatcher service = nc.createDispatcher(msg -> nc.publish(msg.getReplyTo(), bytes("answer")));
        service.subscribe("interop.service");
        Message reply = nc.request("interop.service", bytes("question"), WAIT);
        check(reply != null && text(reply).equals("answer"), "other answer");
        nc.closeDispatcher(service);
    }

    static void noResponders() throws Exception {
        try {
            nc.requestWithTimeout("interop.nobody", bytes("?"), WAIT).get(10, TimeUnit.SECONDS);
        } catch (ExecutionException ended) {
            check(String.valueOf(ended.getCause()).contains("503"), "other outcome: " + ended.getCause());
            return;
        }
        throw new Exception("somebody answered");
    }

    static void queue() throws Exception {
        Subscription one = nc.subscribe("interop.q", "workers");
        Subscription two = nc.subscribe("interop.q", "workers");
        Subscription all = nc.subscribe("interop.q");
        for (int i = 0; i < 20; i++)
            nc.publish("interop.q", bytes("work"));
        nc.flush(WAIT);
        long shared = one.getPendingMessageCount() + two.getPendingMessageCount();
        check(shared == 20 && all.getPendingMessageCount() == 20, "other counts");
        for (Subscription sub : List.of(one, two, all))
            sub.unsubscribe();
    }

    static void unsubscribe() throws Exception {
        Subscription sub = nc.subscribe("interop.u");
        sub.unsubscribe(3);
        for (int i = 0; i < 5; i++)
            nc.publish("interop.u", bytes("x"));
        nc.flush(WAIT);
        for (int i = 0; i < 3; i++)
            next(sub);
        check(!sub.isActive(), "still subscribed");
    }

    static void large() throws Exception {
        byte[] data = new byte[LARGE_BYTES];
        for (int i = 0; i < LARGE_BYTES; i++)
            data[i] = (byte) (i * 31 % 251);
        Subscription sub = nc.subscribe("interop.large");
        nc.publish("interop.large", data);
        check(Arrays.equals(next(sub).getData(), data), "changed on the way");
        sub.unsubscribe();
    }

    static void burst() throws Exception {
        Subscription sub = nc.subscribe("interop.burst");
        for (int i = 0; i < 10000; i++)
            nc.publish("interop.burst", bytes(Integer.toString(i)));
        for (int i = 0; i < 10000; i++)
            check(text(next(sub)).equals(Integer.toString(i)), "message " + i + " out of order");
        sub.unsubscribe();
    }

    static void drain() throws Exception {
        AtomicInteger got = new AtomicInteger();
        nc.createDispatcher(msg -> got.incrementAndGet()).subscribe("interop.drain");
        for (int i = 0; i < 100; i++)
            nc.publish("interop.drain", bytes("x"));
        check(nc.drain(WAIT).get(20, TimeUnit.SECONDS), "not drained");
        check(nc.getStatus() == Connection.Status.CLOSED, "never closed");
        check(got.get() == 100, got.get() + " of 100 messages");
    }

    public static void main(String[] argv) {
        boolean staying = Arrays.asList(argv).contains("--stay");
        Map<String, Step> steps = new LinkedHashMap<>();
        if (staying)
            steps.put("stay", () -> stay(argv));
        else
            addSteps(steps, argv);
        for (Map.Entry<String, Step> step : steps.entrySet()) {
            try {
                step.getValue().run();
            } catch (Exception error) {
                System.out.println("not ok " + step.getKey() + ": " + String.valueOf(error).split("\n")[0]);
                System.exit(1);
            }
            if (!staying)
                say(step.getKey());
        }
        System.exit(0);
    }

    static void addSteps(Map<String, Step> steps, String[] argv) {
        steps.put("connect", () -> connect(argv));
        steps.put("pubsub", Interop::pubsub);
        steps.put("headers", Interop::headers);
        steps.put("request", Interop::request);
        steps.put("no_responders", Interop::noResponders);
        steps.put("queue", Interop::queue);
        steps.put("unsubscribe", Interop::unsubscribe);
        steps.put("large", Interop::large);
        steps.put("burst", Interop::burst);
        steps.put("drain", Interop::drain);
    }
}
