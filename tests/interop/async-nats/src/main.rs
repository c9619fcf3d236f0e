// SPDX-License-Identifier: Apache-2.0
//! The steps of ../../README.md with async-nats, the Rust client.

use async_nats::{Client, ConnectOptions, Event, HeaderMap, RequestErrorKind, Subscriber};
use futures::StreamExt;
use std::error::Error;
use std::time::Duration;
use tokio::sync::mpsc;

const WAIT: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

type Outcome = Result<(), Box<dyn Error>>;

fn check(condition: bool, why: &str) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(why.into())
    }
}

async fn next(sub: &mut Subscriber) -> Result<async_nats::Message, Box<dyn Error>> {
    tokio::time::timeout(WAIT, sub.next())
        .await?
        .ok_or_else(|| "the subscription ended".into())
}

/// Options and URL of the arguments; `tell` hears of each such event.
fn login(
    args: &[String],
    wanted: Event,
    tell: mpsc::Sender<()>,
) -> Result<(ConnectOptions, String), Box<dyn Error>> {
    let mut options = ConnectOptions::new()
        .connection_timeout(WAIT)
        .event_callback(move |event| {
            let (tell, matches) = (tell.clone(), event == wanted);
            async move {
                if matches {
                    let _ = tell.send(()).await;
                }
            }
        });
    let value = |name: &str| {
        args.iter()
            .position(|a| a == name)
            .map(|i| args[i + 1].clone())
    };
    if let Some(ca) = value("--ca") {
        options = options.add_root_certificates(ca.into());
    }
    if let (Some(cert), Some(key)) = (value("--cert"), value("--key")) {
        options = options.add_client_certificate(cert.into(), key.into());
    }
    if args.iter().any(|a| a == "--tls-first") {
        options = options.tls_first();
    }
    // async-nats takes credentials as options only.
    let (scheme, rest) = args[0].split_once("://").ok_or("no scheme in the URL")?;
    let (login, host) = rest.split_once('@').unwrap_or(("", rest));
    if let Some((user, password)) = login.split_once(':') {
        options = options.user_and_password(user.into(), password.into());
    } else if !login.is_empty() {
        options = options.token(login.into());
    }
    Ok((options, format!("{scheme}://{host}")))
}

async fn connect(args: &[String], closed: mpsc::Sender<()>) -> Result<Client, Box<dyn Error>> {
    let (options, url) = login(args, Event::Closed, closed)?;
    let client = options.max_reconnects(1).connect(url).await?;
    client.flush().await?;
    // The handshake of TLS 1.3 ends for the client before the server has judged its certificate: only an
    // answer shows that the connection stands.
    fence(&client).await?;
    Ok(client)
}

/// Reconnects whenever it is disconnected, and tells, until the text "end" comes.
async fn stay(args: &[String]) -> Outcome {
    let (tell, mut connected) = mpsc::channel(16);
    let (options, url) = login(args, Event::Connected, tell)?;
    let nc = options
        .max_reconnects(None)
        .reconnect_delay_callback(|_| AGAIN)
        .connect(url)
        .await?;
    let mut sub = nc.subscribe("interop.stay").await?;
    fence(&nc).await?;
    connected.recv().await;
    println!("ok up");
    loop {
        tokio::select! {
            Some(()) = connected.recv() => {
                fence(&nc).await?;
                println!("ok again");
            }
            msg = sub.next() => {
                let msg = msg.ok_or("the subscription ended")?;
                println!("ok message {}", String::from_utf8_lossy(&msg.payload));
                if msg.payload == "end" {
                    break;
                }
            }
        }
    }
    nc.drain().await?;
    check(sub.next().await.is_none(), "a message after the end")
}

async fn pubsub(nc: &Client) -> Outcome {
    let mut sub = nc.subscribe("interop.a.*").await?;
    nc.publish("interop.a.one", "hello".into()).await?;
    let msg = next(&mut sub).await?;
    check(
        msg.subject.as_str() == "interop.a.one" && msg.payload == "hello",
        "other subject or payload",
    )
}

async fn headers(nc: &Client) -> Outcome {
    let mut sub = nc.subscribe("interop.h").await?;
    let mut headers = HeaderMap::new();
    headers.append("X-Interop", "one");
    headers.append("X-Interop", "two");
    nc.publish_with_headers("interop.h", headers, "".into())
        .await?;
    let msg = next(&mut sub).await?;
    let got: Vec<String> = msg
        .headers
        .unwrap_or_default()
        .get_all("X-Interop")
        .map(|v| v.to_string())
        .collect();
    check(got == ["one", "two"], "other header values")?;
    check(msg.payload.is_empty(), "a payload from nowhere")
}

async fn request(nc: &Client) -> Outcome {
    let mut service = nc.subscribe("interop.service").await?;
    let answering = nc.clone();
    let answer = async {
        let question = next(&mut service).await?;
        let reply = question.reply.ok_or("no reply subject")?;
        answering.publish(reply, "answer".into()).await?;
        Ok::<(), Box<dyn Error>>(())
    };
    let (answered, reply) = tokio::join!(answer, nc.request("interop.service", "question".into()));
    answered?;
    check(reply?.payload == "answer", "other answer")
}

async fn no_responders(nc: &Client) -> Outcome {
    match nc.request("interop.nobody", "?".into()).await {
        Ok(_) => Err("somebody answered".into()),
        Err(error) => check(
            error.kind() == RequestErrorKind::NoResponders,
            &error.to_string(),
        ),
    }
}

/// Everything published so far has come back, because this message has.
async fn fence(nc: &Client) -> Outcome {
    let mut sub = nc.subscribe("interop.fence").await?;
    nc.publish("interop.fence", "".into()).await?;
    next(&mut sub).await.map(|_| ())
}

/// How many messages each subscription has got.
async fn count(nc: &Client, subs: &mut [Subscriber]) -> Result<Vec<usize>, Box<dyn Error>> {
    fence(nc).await?;
    let mut counts = Vec::new();
    for sub in subs.iter_mut() {
        let mut n = 0;
        // What came before the fence is queued already.
        while let Ok(Some(_)) = tokio::time::timeout(Duration::ZERO, sub.next()).await {
            n += 1;
        }
        counts.push(n);
    }
    Ok(counts)
}

async fn queue(nc: &Client) -> Outcome {
    let mut subs = [
        nc.queue_subscribe("interop.q", "workers".into()).await?,
        nc.queue_subscribe("interop.q", "workers".into()).await?,
        nc.subscribe("interop.q").await?,
    ];
    for _ in 0..20 {
        nc.publish("interop.q", "work".into()).await?;
    }
    let counts = count(nc, &mut subs).await?;
    check(
        counts[0] + counts[1] == 20 && counts[2] == 20,
        &format!("counts {counts:?}"),
    )
}

async fn unsubscribe(nc: &Client) -> Outcome {
    let mut subs = [nc.subscribe("interop.u").await?];
    subs[0].unsubscribe_after(3).await?;
    for _ in 0..5 {
        nc.publish("interop.u", "x".into()).await?;
    }
    let counts = count(nc, &mut subs).await?;
    check(counts == [3], &format!("{counts:?} of 3 messages"))
}

async fn large(nc: &Client) -> Outcome {
    let data: Vec<u8> = (0..900000u32).map(|i| (i * 31 % 251) as u8).collect();
    let mut sub = nc.subscribe("interop.large").await?;
    nc.publish("interop.large", data.clone().into()).await?;
    check(next(&mut sub).await?.payload == data, "changed on the way")
}

async fn burst(nc: &Client) -> Outcome {
    let mut sub = nc.subscribe("interop.burst").await?;
    for i in 0..10000 {
        nc.publish("interop.burst", i.to_string().into()).await?;
    }
    for i in 0..10000 {
        check(
            next(&mut sub).await?.payload == i.to_string(),
            &format!("message {i} out of order"),
        )?;
    }
    Ok(())
}

async fn drain(nc: &Client, closed: &mut mpsc::Receiver<()>) -> Outcome {
    let sub = nc.subscribe("interop.drain").await?;
    for _ in 0..100 {
        nc.publish("interop.drain", "x".into()).await?;
    }
    // This client's drain ends with its last write and does not wait for what is on the way to it.
    fence(nc).await?;
    nc.drain().await?;
    let got = tokio::time::timeout(WAIT, sub.count()).await?;
    check(got == 100, &format!("{got} of 100 messages"))?;
    check(
        tokio::time::timeout(WAIT, closed.recv()).await?.is_some(),
        "never closed",
    )
}

fn report(name: &str, outcome: &Outcome) {
    match outcome {
        Ok(()) => println!("ok {name}"),
        Err(error) => {
            println!(
                "not ok {name}: {}",
                error.to_string().lines().next().unwrap_or("")
            );
            std::process::exit(1);
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--stay") {
        if let Err(error) = stay(&args).await {
            report("stay", &Err(error));
        }
        return;
    }
    let (tell, mut closed) = mpsc::channel(1);
    let nc = match connect(&args, tell).await {
        Ok(client) => client,
        Err(error) => return report("connect", &Err(error)),
    };
    report("connect", &Ok(()));
    report("pubsub", &pubsub(&nc).await);
    report("headers", &headers(&nc).await);
    report("request", &request(&nc).await);
    report("no_responders", &no_responders(&nc).await);
    report("queue", &queue(&nc).await);
    report("unsubscribe", &unsubscribe(&nc).await);
    report("large", &large(&nc).await);
    report("burst", &burst(&nc).await);
    report("drain", &drain(&nc, &mut closed).await);
}
