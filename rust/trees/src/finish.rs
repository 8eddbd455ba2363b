//! From sums to answers: base values, label and post-transform, operation by operation as ONNX Runtime does them.

use crate::TreesError;

/// What an ensemble's sums become.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    pub(crate) kind: Kind,
    pub(crate) base: Vec<f32>,
    pub(crate) transform: Transform,
    /// Sums of a row.
    pub(crate) targets: usize,
}

/// The operator's kind.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `divisor` is the number of trees where averages are asked for.
    Regressor { divisor: Option<f32> },
    /// Which classes a weight is for, whether all of them are for the same one, and whether no weight is negative.
    Classifier { scored: Vec<bool>, binary: bool, positive: bool },
}

/// How answers become answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

impl Transform {
    /// The transform of that name; probit is none that is known.
    pub(crate) fn from_name(name: &[u8]) -> Result<Self, TreesError> {
        match name {
            b"NONE" => Ok(Self::None),
            b"LOGISTIC" => Ok(Self::Logistic),
            b"SOFTMAX" => Ok(Self::Softmax),
            b"SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            _ => Err(TreesError::Trees("has a post-transform that the native kernel does not know")),
        }
    }

    fn apply(self, answers: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => answers.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Softmax => softmax(answers),
            Self::SoftmaxZero => softmax_zero(answers),
        }
    }
}

impl Finish {
    /// Answers of a row.
    pub(crate) fn width(&self) -> usize {
        match self.kind {
            Kind::Regressor { .. } => self.targets,
            Kind::Classifier { .. } => self.targets.max(2),
        }
    }

    /// Checks what the operations below take for granted.
    pub(crate) fn check(&self) -> Result<(), TreesError> {
        let fit = match &self.kind {
            Kind::Regressor { .. } => [0, self.targets].contains(&self.base.len()),
            Kind::Classifier { scored, .. } if self.targets == 2 => {
                self.base.len() <= 2 && scored.contains(&true)
            }
            Kind::Classifier { scored, .. } => {
                [0, self.targets].contains(&self.base.len())
                    && (scored.contains(&true) || !self.base.is_empty())
            }
        };
        if !fit {
            return Err(TreesError::Trees("has base values that do not fit its targets"));
        }
        if matches!(self.kind, Kind::Classifier { .. }) && self.targets < 2 {
            return Err(TreesError::Trees("has fewer than two classes"));
        }
        Ok(())
    }

    /// Turns one row's sums into `answers` and gives the number of its class (0 for regressors).
    pub(crate) fn row(&self, sums: &mut [f32], answers: &mut [f32]) -> usize {
        match &self.kind {
            Kind::Regressor { divisor } => self.regress(*divisor, sums, answers),
            Kind::Classifier { scored, binary, positive } if self.targets == 2 => {
                return self.two(scored, *binary, *positive, sums, answers);
            }
            Kind::Classifier { scored, .. } => return self.many(scored, sums, answers),
        }
        0
    }

    fn regress(&self, divisor: Option<f32>, sums: &mut [f32], answers: &mut [f32]) {
        if let Some(divisor) = divisor {
            for sum in &mut *sums {
                *sum /= divisor;
            }
        }
        if let [sum] = sums {
            // Post-transforms are for several answers.
            *sum += self.base.first().copied().unwrap_or(0.0);
            answers.copy_from_slice(sums);
            return;
        }
        sums.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
        self.transform.apply(sums);
        answers.copy_from_slice(sums);
    }

    fn many(&self, scored: &[bool], sums: &mut [f32], answers: &mut [f32]) -> usize {
        sums.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
        let mut best: Option<(usize, f32)> = None;
        for (class, &sum) in sums.iter().enumerate() {
            let counts = scored[class] || !self.base.is_empty();
            if counts && best.is_none_or(|(_, most)| sum > most) {
                best = Some((class, sum));
            }
        }
        self.transform.apply(sums);
        answers.copy_from_slice(sums);
        best.map_or(0, |(class, _)| class)
    }

    fn two(
        &self,
        scored: &[bool],
        binary: bool,
        positive: bool,
        sums: &mut [f32],
        answers: &mut [f32],
    ) -> usize {
        let second = scored[1];
        let mut single = !second;
        match self.base[..] {
            [_, base] if second => {
                sums[1] = base + sums[0];
                sums[0] = -sums[1];
            }
            [first, base] => {
                sums[1] += base;
                sums[0] += first;
                single = false;
            }
            [first] => sums[0] += first,
            _ => {}
        }
        let decisive = if second { sums[1] } else { sums[0] };
        let class = usize::from(if binary && positive { decisive > 0.5 } else { decisive > 0.0 });
        if !single {
            self.transform.apply(sums);
        } else if binary && positive {
            (sums[0], sums[1]) = (1.0 - sums[0], sums[0]);
        } else if self.transform == Transform::Logistic {
            (sums[0], sums[1]) = logistic_pair(sums[0]);
        } else {
            (sums[0], sums[1]) = (-sums[0], sums[0]);
        }
        answers.copy_from_slice(sums);
        class
    }
}

// `f32::exp` is libm's expf here, the function that ONNX Runtime's build calls.
fn logistic(score: f32) -> f32 {
    let share = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - share } else { share }
}

/// `(logistic(-score), logistic(score))` with one exponential, which both share.
fn logistic_pair(score: f32) -> (f32, f32) {
    let share = 1.0 / (1.0 + (-score.abs()).exp());
    let below = if -score < 0.0 { 1.0 - share } else { share };
    (below, if score < 0.0 { 1.0 - share } else { share })
}

fn softmax(answers: &mut [f32]) {
    let most = most(answers);
    let mut sum = 0.0;
    for score in &mut *answers {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in answers {
        *score /= sum;
    }
}

/// A softmax that leaves zeros out.
fn softmax_zero(answers: &mut [f32]) {
    let most = most(answers);
    let scale = (-most).exp();
    let mut sum = 0.0;
    for score in &mut *answers {
        if *score > 0.000_000_1 || *score < -0.000_000_1 {
            *score = (*score - most).exp();
            sum += *score;
        } else {
            *score *= scale;
        }
    }
    for score in answers {
        *score /= sum;
    }
}

fn most(answers: &[f32]) -> f32 {
    answers.iter().fold(f32::MIN, |most, &score| if score > most { score } else { most })
}
