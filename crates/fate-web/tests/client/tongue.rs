//! The four ways in which client and server speak.

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tongue {
    One,
    Two,
    SecretOne,
    SecretTwo,
}

pub const TONGUES: [Tongue; 4] = [Tongue::One, Tongue::Two, Tongue::SecretOne, Tongue::SecretTwo];

impl Tongue {
    pub fn is_two(self) -> bool {
        matches!(self, Tongue::Two | Tongue::SecretTwo)
    }

    pub fn is_secret(self) -> bool {
        matches!(self, Tongue::SecretOne | Tongue::SecretTwo)
    }

    pub fn url(self) -> &'static str {
        if self.is_secret() { "https://server/" } else { "http://server/" }
    }
}
