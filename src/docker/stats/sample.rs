//! What was used between two readings.

use jiff::Timestamp;

use super::reading::{Block, Memory, Network, Reading};

/// A reading, and the time it was taken at by the clock that the rates are reckoned with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// The counters.
    pub reading: Reading,
    /// Nanoseconds of a clock that is never set: the machine's monotonic one, or the CPU time that the engine says has
    /// passed on one core.
    pub clock_ns: u64,
}

/// What a container uses at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When it was measured.
    pub at: Timestamp,
    /// The counters.
    pub reading: Reading,
    /// What it used since the reading before; `None` at the first one, and after a counter began anew.
    pub rates: Option<Rates>,
}

/// What was used between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Percent of one core.
    pub cpu_percent: f64,
    /// Bytes a second received and sent.
    pub network: Option<(f64, f64)>,
    /// Bytes a second read and written.
    pub block: Option<(f64, f64)>,
}

/// Two readings closer than this tell nothing: the engine's own clock ticks every 10 ms.
const TOO_CLOSE_NS: u64 = 100_000_000;

impl Rates {
    /// The rates between two readings; `None` when a counter went backwards (the container was restarted in
    /// between) or they are too close together.
    ///
    /// CPU as the Docker CLI counts it: Δ of the container's CPU time / Δ of the time of one core.
    pub fn between(before: &Timed, now: &Timed) -> Option<Self> {
        let elapsed = now.clock_ns.checked_sub(before.clock_ns).filter(|ns| *ns >= TOO_CLOSE_NS)?;
        let (old, new) = (&before.reading, &now.reading);
        let seconds = to_f64(elapsed) / 1e9;
        let rate = |before: u64, now: u64| now.checked_sub(before).map(|delta| to_f64(delta) / seconds);
        let cpu = new.cpu_ns.checked_sub(old.cpu_ns)?;
        let network = old
            .network
            .zip(new.network)
            .and_then(|(a, b)| Some((rate(a.rx_bytes, b.rx_bytes)?, rate(a.tx_bytes, b.tx_bytes)?)));
        let block = old.block.zip(new.block).and_then(|(a, b)| {
            Some((rate(a.read_bytes, b.read_bytes)?, rate(a.written_bytes, b.written_bytes)?))
        });
        Some(Self { cpu_percent: to_f64(cpu) / to_f64(elapsed) * 100.0, network, block })
    }
}

impl Sample {
    /// Percent of one core.
    pub fn cpu_percent(&self) -> Option<f64> {
        self.rates.map(|rates| rates.cpu_percent)
    }

    /// Bytes in use and the limit.
    pub fn memory(&self) -> Option<Memory> {
        self.reading.memory
    }

    /// Bytes since the start.
    pub fn network(&self) -> Option<Network> {
        self.reading.network
    }

    /// Bytes since the start.
    pub fn block(&self) -> Option<Block> {
        self.reading.block
    }
}

/// A sample as the last hour keeps it. What is not known is `NaN` or the highest number: an `Option` would double
/// the size of what there are 72,000 of on a host with 200 containers.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Seconds since the epoch.
    at: u32,
    cpu: f32,
    memory_kib: u32,
    rx: f32,
    tx: f32,
    read: f32,
    written: f32,
    pids: u32,
}

const UNKNOWN: u32 = u32::MAX;

impl Point {
    /// The part of a sample that is kept.
    pub fn of(sample: &Sample) -> Self {
        let rates = sample.rates;
        let pair =
            |pair: Option<(f64, f64)>| pair.map_or((f32::NAN, f32::NAN), |(a, b)| (narrow(a), narrow(b)));
        let (rx, tx) = pair(rates.and_then(|rates| rates.network));
        let (read, written) = pair(rates.and_then(|rates| rates.block));
        let whole = |n: Option<u64>| n.map_or(UNKNOWN, |n| u32::try_from(n).unwrap_or(UNKNOWN - 1));
        Self {
            at: u32::try_from(sample.at.as_second()).unwrap_or(0),
            cpu: rates.map_or(f32::NAN, |rates| narrow(rates.cpu_percent)),
            memory_kib: whole(sample.reading.memory.map(|memory| memory.used_bytes / 1024)),
            rx,
            tx,
            read,
            written,
            pids: whole(sample.reading.pids),
        }
    }

    /// Milliseconds since the epoch.
    pub fn at_ms(&self) -> i64 {
        i64::from(self.at) * 1000
    }

    /// Percent of one core.
    pub fn cpu_percent(&self) -> Option<f64> {
        known(self.cpu)
    }

    /// Bytes in use, to the kibibyte.
    pub fn memory_bytes(&self) -> Option<u64> {
        (self.memory_kib != UNKNOWN).then(|| u64::from(self.memory_kib) * 1024)
    }

    /// Bytes a second received.
    pub fn rx(&self) -> Option<f64> {
        known(self.rx)
    }

    /// Bytes a second sent.
    pub fn tx(&self) -> Option<f64> {
        known(self.tx)
    }

    /// Bytes a second read from disks.
    pub fn read(&self) -> Option<f64> {
        known(self.read)
    }

    /// Bytes a second written to disks.
    pub fn written(&self) -> Option<f64> {
        known(self.written)
    }

    /// Processes and threads.
    pub fn pids(&self) -> Option<u64> {
        (self.pids != UNKNOWN).then(|| u64::from(self.pids))
    }
}

fn known(value: f32) -> Option<f64> {
    (!value.is_nan()).then(|| f64::from(value))
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a chart shows")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// A counter as a floating-point number; 2^53 bytes or nanoseconds lose nothing.
#[expect(clippy::cast_precision_loss, reason = "differences of counters are far below 2^53")]
pub fn to_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: u64, cpu_ms: u64, rx: Option<u64>) -> Timed {
        let network = rx.map(|rx_bytes| Network { rx_bytes, tx_bytes: 0 });
        let reading = Reading { cpu_ns: cpu_ms * 1_000_000, network, ..Reading::default() };
        Timed { reading, clock_ns: seconds * 1_000_000_000 }
    }

    #[test]
    fn cpu_is_percent_of_one_core() {
        let rates = Rates::between(&timed(10, 1_000, Some(0)), &timed(20, 5_000, Some(20_000))).unwrap();
        assert!((rates.cpu_percent - 40.0).abs() < 1e-9);
        assert_eq!(rates.network, Some((2_000.0, 0.0)));
        assert_eq!(rates.block, None);
    }

    #[test]
    fn a_counter_that_began_anew_is_a_hole_and_no_spike() {
        assert_eq!(Rates::between(&timed(10, 5_000, None), &timed(20, 10, None)), None);
        let network_alone = Rates::between(&timed(10, 1, Some(900)), &timed(20, 2, Some(5))).unwrap();
        assert_eq!(network_alone.network, None, "a network that was attached anew");
    }

    #[test]
    fn a_clock_that_does_not_move_tells_nothing() {
        assert_eq!(Rates::between(&timed(10, 1, None), &timed(10, 2, None)), None);
        assert_eq!(Rates::between(&timed(10, 1, None), &timed(5, 2, None)), None);
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let sample = Sample { at: Timestamp::UNIX_EPOCH, reading: Reading::default(), rates: None };
        let point = Point::of(&sample);
        assert_eq!(
            (point.cpu_percent(), point.memory_bytes(), point.rx(), point.pids()),
            (None, None, None, None)
        );
        assert_eq!(size_of::<Point>(), 32);
    }
}
