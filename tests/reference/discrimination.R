# AUCs, their intervals and tests, and exact intervals of cutoffs, on made-up risks of 30 samples.
# DeLong by pROC 1.18 (r-cran-proc); the score intervals by R's own root finding and integration,
# from the definitions: no code is shared with mirrisk. Run by hand:
#   Rscript discrimination.R > discrimination.txt
suppressMessages(library(pROC))
set.seed(5)
m <- 9
n <- 21
y <- c(rep(1, m), rep(0, n))
smooth <- round(c(rnorm(m, 1.2, 1.3), rnorm(n)), 3)
graded <- c(rbinom(m, 5, 0.7), rbinom(n, 5, 0.4))
z <- qnorm(0.975)

show <- function(name, ...) {
  cat(name, format(c(...), digits = 15, trim = TRUE), sep = "\t")
  cat("\n")
}

# P(X1 > Y and X2 > Y) for X ~ N(d sqrt 2, 1) and Y ~ N(0, 1), integrated over Y.
both <- function(t) {
  centre <- sqrt(2) * qnorm(t)
  integrate(function(u) pnorm(centre - u)^2 * dnorm(u), -Inf, Inf, rel.tol = 1e-12)$value
}
binormal <- function(t) (t * (1 - t) + (m + n - 2) * (both(t) - t^2)) / (m * n)
newcombe <- function(t) {
  half <- (m + n) / 2 - 1
  t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
}
score <- function(a, variance) {
  distance <- function(t) abs(a - t) - z * sqrt(variance(t))
  end <- function(from, to) uniroot(distance, c(from, to), tol = 1e-14)$root
  c(end(1e-9, a - 1e-9), if (a < 1) end(a + 1e-9, 1 - 1e-9) else 1)
}

show("y", y)
show("smooth", smooth)
show("graded", graded)
curves <- list()
for (risk in c("smooth", "graded")) {
  curve <- roc(y, get(risk), levels = c(0, 1), direction = "<", quiet = TRUE)
  curves[[risk]] <- curve
  a <- as.numeric(auc(curve))
  v <- var(curve)
  logit <- plogis(qlogis(a) + c(-z, z) * sqrt(v) / (a * (1 - a)))
  inflation <- max(1, v / binormal(a))
  show(paste(risk, "delong"), a, v)
  show(paste(risk, "DeLong"), as.numeric(ci.auc(curve, method = "delong"))[c(1, 3)])
  show(paste(risk, "logit-DeLong"), logit)
  show(paste(risk, "binormal-score"), score(a, function(t) inflation * binormal(t)))
  show(paste(risk, "Newcombe"), score(a, newcombe))
}
show("perfect binormal-score", score(1, binormal))
show("perfect Newcombe", score(1, newcombe))
show("constant binormal-score", score(0.5, binormal))

paired <- roc.test(curves$smooth, curves$graded, paired = TRUE)
show("paired", paired$statistic, paired$p.value)
unpaired <- roc.test(curves$smooth, curves$graded, paired = FALSE)
show("unpaired", unpaired$statistic, unpaired$parameter, unpaired$p.value)
exact <- wilcox.test(smooth[y == 1], smooth[y == 0], alternative = "greater", exact = TRUE)
show("exact one-sided p", exact$p.value)

positive <- graded >= 3
counts <- function(x) c(sum(x), length(x))
for (name in c("sensitivity", "specificity", "ppv", "npv")) {
  pair <- switch(name,
    sensitivity = counts(positive[y == 1]),
    specificity = counts(!positive[y == 0]),
    ppv = counts(y[positive] == 1),
    npv = counts(y[!positive] == 0)
  )
  show(name, pair, binom.test(pair[1], pair[2])$conf.int)
}
