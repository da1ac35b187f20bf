//! The network's moods: what happens to a datagram, by chance, and to a stream, by rule.

use std::time::Duration;

use course::picture::{Fate, Way};
use fastrand::Rng;

use crate::Network;

/// What chance does to datagrams.
#[derive(Clone, Copy)]
pub struct Chance {
    drop: u8,
    duplicate: u8,
    reorder: u8,
    seed: u64,
}

impl Chance {
    /// As the arguments say; a seed that nobody gave is chosen.
    pub fn new(network: &Network) -> Chance {
        Chance {
            drop: if network.black_hole {
                100
            } else {
                network.drop
            },
            duplicate: network.duplicate,
            reorder: network.reorder,
            seed: network.seed.unwrap_or_else(|| fastrand::u64(..100_000)),
        }
    }

    /// The seed with which everything happens again, unless all of it is certain.
    pub fn to_repeat(self) -> Option<u64> {
        let chances = [self.drop, self.duplicate, self.reorder];
        let uncertain = chances.iter().any(|percent| (1..100).contains(percent));
        uncertain.then_some(self.seed)
    }

    /// The dice of one client's datagrams in one direction. Nobody else throws them, so what
    /// happens to a datagram depends on the seed and on how many went before it, and on no clock.
    pub fn dice(&self, client: usize, way: Way) -> Dice {
        let flow = 2 * client as u64 + u64::from(way == Way::ToClient);
        Dice {
            chance: *self,
            rng: Rng::with_seed(self.seed ^ flow.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }
}

/// What decides about the next datagram.
pub struct Dice {
    chance: Chance,
    rng: Rng,
}

impl Dice {
    /// What happens to the next datagram.
    pub fn throw(&mut self) -> Vec<Fate> {
        // All three, always: another percentage must not change what the others do.
        let [drop, twice, later] = [(); 3].map(|()| self.rng.u8(..100));
        if drop < self.chance.drop {
            return vec![Fate::Dropped];
        }
        let mut fates = Vec::new();
        if twice < self.chance.duplicate {
            fates.push(Fate::Twice);
        }
        if later < self.chance.reorder {
            fates.push(Fate::HeldBack);
        }
        fates
    }
}

impl Network {
    /// What is said of a piece of a stream of so many bytes.
    pub fn fates(&self, length: usize) -> Vec<Fate> {
        if self.black_hole {
            return vec![Fate::Dropped];
        }
        let mut fates = Vec::new();
        if let Some(chop) = self.chop
            && length as u64 > chop
        {
            fates.push(Fate::Pieces((length as u64).div_ceil(chop) as usize));
        }
        if let Some(rate) = self.rate
            && length > 0
        {
            fates.push(Fate::Takes(takes(length, rate)));
        }
        fates
    }

    /// How many bytes are passed on at a time.
    pub fn piece(&self) -> usize {
        let all = usize::MAX as u64;
        // A slow line brings bytes all the time, not all of them at the end.
        let slow = self.rate.map_or(all, |rate| (rate / 20).max(1));
        let piece = self.chop.unwrap_or(all).min(slow);
        usize::try_from(piece).unwrap_or(usize::MAX)
    }

    /// How long a line of that rate is busy with so many bytes.
    pub fn takes(&self, length: usize) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| takes(length, rate))
    }
}

fn takes(length: usize, rate: u64) -> Duration {
    Duration::from_secs_f64(length as f64 / rate as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(drop: u8, duplicate: u8, reorder: u8) -> Chance {
        Chance {
            drop,
            duplicate,
            reorder,
            seed: 7,
        }
    }

    fn throws(chance: Chance, client: usize, way: Way) -> Vec<Vec<Fate>> {
        let mut dice = chance.dice(client, way);
        (0..1000).map(|_| dice.throw()).collect()
    }

    fn count(throws: &[Vec<Fate>], fate: Fate) -> usize {
        throws.iter().filter(|fates| fates.contains(&fate)).count()
    }

    #[test]
    fn chance_keeps_near_its_percentages_and_repeats_itself() {
        let first = throws(chance(30, 20, 10), 1, Way::ToServer);
        assert_eq!(first, throws(chance(30, 20, 10), 1, Way::ToServer));
        let dropped = count(&first, Fate::Dropped);
        let twice = count(&first, Fate::Twice);
        let held = count(&first, Fate::HeldBack);
        assert!((250..350).contains(&dropped), "{dropped}");
        assert!(
            (90..190).contains(&twice),
            "{twice} of those that are passed on"
        );
        assert!(
            (40..100).contains(&held),
            "{held} of those that are passed on"
        );
    }

    #[test]
    fn clients_and_directions_have_dice_of_their_own() {
        let first = throws(chance(50, 0, 0), 1, Way::ToServer);
        assert_ne!(first, throws(chance(50, 0, 0), 2, Way::ToServer));
        assert_ne!(first, throws(chance(50, 0, 0), 1, Way::ToClient));
    }

    #[test]
    fn never_and_always_are_certain() {
        let never = throws(chance(0, 0, 0), 1, Way::ToServer);
        assert!(never.iter().all(Vec::is_empty));
        let always = throws(chance(100, 0, 0), 1, Way::ToServer);
        assert_eq!(count(&always, Fate::Dropped), 1000);
        let both = throws(chance(0, 100, 100), 1, Way::ToServer);
        assert!(both.iter().all(|f| *f == [Fate::Twice, Fate::HeldBack]));
    }
}
