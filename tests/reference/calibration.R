# What rms's val.prob, glm, lowess and two tests say of predicted risks; run by hand:
#   Rscript calibration.R > calibration.txt
# One vector per line: its name, then its values.
suppressPackageStartupMessages(library(rms))
show <- function(name, x) cat(name, format(unname(x), digits = 15, trim = TRUE), sep = "\t", fill = 1e6)
tight <- list(epsilon = 1e-14, maxit = 100)
fit <- function(formula) glm(formula, family = binomial, control = tight)
se <- function(model) {
  x <- model.matrix(model)
  sqrt(diag(solve(crossprod(x, fitted(model) * (1 - fitted(model)) * x))))
}

i <- 1:120
true <- plogis(-1 + 1.1 * sin(i * 1.7) + 0.5 * sin(i * 0.31))
y <- as.numeric((i * 0.6180339887498949) %% 1 < true)
show("y", y)
# Too extreme and too high; then the same with few distinct values.
fine <- round(plogis(0.3 + 1.7 * qlogis(true) + 0.3 * cos(i)), 4)
for (name in c("fine", "tied")) {
  p <- if (name == "fine") fine else round(0.05 + 0.9 * fine, 1)
  say <- function(what, x) show(paste(name, what), x)
  lp <- qlogis(p)
  say("p", p)
  stats <- val.prob(p, y, pl = FALSE)
  say("val.prob", stats[c("R2", "D", "U", "U:Chi-sq", "U:p", "Q", "Brier", "Intercept", "Slope",
                          "Emax", "E90", "Eavg", "S:z", "S:p")])
  large <- fit(y ~ offset(lp))
  both <- fit(y ~ lp)
  say("in the large", c(coef(large), se(large)))
  say("recalibration", c(coef(both), se(both)))
  given <- sum(log(ifelse(y == 1, p, 1 - p)))
  statistic <- 2 * c(logLik(large) - given, logLik(both) - logLik(large), logLik(both) - given)
  say("statistics", statistic)
  say("p-values", pchisq(statistic, c(1, 1, 2), lower.tail = FALSE))
  smooth <- lowess(p, y, iter = 0)
  say("lowess x", smooth$x)
  say("lowess y", smooth$y)
}
show("lowess narrow", lowess(fine, y, iter = 0, f = 0.3, delta = 0)$y)

percentile <- round(pbeta((i * 0.7548776662466927) %% 1, 1.3, 0.9), 5)
show("percentile", percentile)
ks <- ks.test(percentile, "punif", exact = TRUE)
show("ks", c(ks$statistic, ks$p.value))
exact <- function(k) c(k / 120, binom.test(k, 120)$conf.int)
show("above", exact(sum(percentile > 0.9)))
show("below", exact(sum(percentile < 0.1)))
cat("version\t", R.version.string, ", rms ", format(packageVersion("rms")), "\n", sep = "")
