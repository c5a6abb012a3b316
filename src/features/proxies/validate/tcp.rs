//! The fourth step: whether the destination takes connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::hints::Hints;
use super::report::Outcome;
use super::syntax::circle;
use super::validator::Context;
use crate::platform::addresses::is_own;
use crate::platform::text;

/// Why there is no connection.
#[derive(Debug)]
enum Failed {
    Refused,
    TimedOut,
    Unreachable,
    Other(io::Error),
}

/// Connects to one of the addresses, which were checked before.
pub(super) async fn check(
    context: &Context,
    within: Duration,
    addresses: &[SocketAddr],
    hints: &Hints<'_>,
) -> (Outcome, Option<(TcpStream, SocketAddr)>) {
    let started = Instant::now();
    let mut failures: Vec<(SocketAddr, Failed)> = Vec::new();
    for (n, address) in addresses.iter().enumerate() {
        // One that hangs leaves time for the others.
        let left = within.saturating_sub(started.elapsed());
        let share = left / u32::try_from(addresses.len() - n).unwrap_or(1);
        match connect(*address, share).await {
            Ok(stream) => {
                let from = stream.local_addr().ok().map(|local| local.ip());
                if is_own(&context.own_addresses, *address, from) {
                    return (circle(*address), None);
                }
                return (Outcome::pass(format!("{address} takes connections.")), Some((stream, *address)));
            }
            Err(why) => failures.push((*address, why)),
        }
    }
    (explain(&failures, within, hints), None)
}

/// A connection to exactly this address.
async fn connect(address: SocketAddr, within: Duration) -> Result<TcpStream, Failed> {
    match tokio::time::timeout(within, TcpStream::connect(address)).await {
        Err(_) => Err(Failed::TimedOut),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => Failed::Refused,
            io::ErrorKind::TimedOut => Failed::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Failed::Unreachable,
            _ => Failed::Other(error),
        }),
    }
}

/// The failure that tells most: somebody who refuses is there.
fn explain(failures: &[(SocketAddr, Failed)], within: Duration, hints: &Hints<'_>) -> Outcome {
    let telling = |failed: &Failed| match failed {
        Failed::Refused => 0,
        Failed::TimedOut => 1,
        Failed::Other(_) => 2,
        Failed::Unreachable => 3,
    };
    let Some((address, why)) = failures.iter().min_by_key(|(_, why)| telling(why)) else {
        return Outcome::fail("There is no address to connect to.");
    };
    let (ip, port) = (address.ip(), address.port());
    match why {
        Failed::Refused => Outcome::fail(format!(
            "Port {port} of {ip} refused the connection: is the service running, and is the port right?"
        ))
        .hint(hints.refused(*address)),
        Failed::TimedOut => {
            let within = text::duration(within.as_secs().try_into().unwrap_or(i64::MAX));
            Outcome::fail(format!("Port {port} of {ip} did not answer within {within}."))
                .hint(hints.timed_out(*address))
        }
        Failed::Unreachable => Outcome::fail(format!("There is no way from here to {ip}.")).hint(
            "Is that machine switched on, is the address right, and is it in a network that this host reaches?",
        ),
        Failed::Other(error) => Outcome::fail(format!("Port {port} of {ip} cannot be connected to: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::proxies::model::ProxySpec;
    use crate::features::proxies::validate::tests::support::context;

    #[test]
    fn the_failure_that_tells_most_is_told() {
        let (context, spec) = (context(Vec::new()), ProxySpec::default());
        let hints = Hints::new(&context, &spec);
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 80);
        let of = |failures: &[(SocketAddr, Failed)]| explain(failures, Duration::from_secs(5), &hints);
        let gone = of(&[(at("10.0.0.7"), Failed::Unreachable)]);
        assert_eq!(gone.detail, "There is no way from here to 10.0.0.7.");
        assert!(gone.hint.contains("switched on"), "{gone:?}");
        let both = of(&[(at("2001:db8::1"), Failed::Unreachable), (at("10.0.0.7"), Failed::Refused)]);
        assert!(both.detail.contains("10.0.0.7 refused"), "{both:?}");
        let late = of(&[(at("10.0.0.7"), Failed::TimedOut)]);
        assert_eq!(late.detail, "Port 80 of 10.0.0.7 did not answer within 5\u{a0}s.");
    }
}
