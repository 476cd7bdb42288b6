# What R's glm says of four models of a simulated cohort and their updates; run by hand:
#   Rscript closed_test.R > closed_test.txt
# One vector per line: its name, then its values. A model is its intercept and coefficients.
options(warn = 2)
show <- function(name, x) cat(name, format(x, digits = 15, trim = TRUE), sep = "\t", fill = 1e6)
tight <- list(epsilon = 1e-14, maxit = 100)
fit <- function(formula) glm(formula, family = binomial, control = tight)
# vcov(glm) has the weights of the last iteration but one; these are those of the estimate.
se <- function(model) {
  x <- model.matrix(model)
  sqrt(diag(solve(crossprod(x, fitted(model) * (1 - fitted(model)) * x))))
}

i <- 1:160
x1 <- round(7 + 2 * sin(i * 1.7) + 0.5 * sin(i * 0.31), 3)
x2 <- round(40 * cos(i * 2.9) + 6 * x1, 3)
x3 <- as.numeric(sin(i * 4.1) > 0.2)
uniform <- (i * 0.6180339887498949) %% 1
y <- as.numeric(uniform < plogis(-4 + 0.5 * x1 - 0.012 * x2 + 0.8 * x3))
for (name in c("x1", "x2", "x3", "y")) show(name, get(name))

# Of "masked", the first test does not reject, and the later ones would.
models <- list(
  masked = c(-1.65, 0.1, -0.001, 0.5),
  original = c(-4.3, 0.52, -0.010, 0.7),
  in_the_large = c(-2.6, 0.52, -0.010, 0.7),
  recalibration = c(-13.4, 1.6, -0.032, 2.2),
  revision = c(-1.5, -0.10, 0.010, 0.9)
)
for (name in names(models)) {
  lp <- drop(cbind(1, x1, x2, x3) %*% models[[name]])
  large <- fit(y ~ offset(lp))
  recalibrated <- fit(y ~ lp)
  revised <- fit(y ~ x1 + x2 + x3)
  p <- plogis(lp)
  log_likelihood <- c(sum(log(ifelse(y == 1, p, 1 - p))), logLik(large), logLik(recalibrated),
                      logLik(revised))
  statistic <- 2 * (log_likelihood[4] - log_likelihood[1:3])
  say <- function(what, x) show(paste(name, what), x)
  say("model", models[[name]])
  say("log-likelihood", log_likelihood)
  say("statistic", statistic)
  say("p", pchisq(statistic, 4:2, lower.tail = FALSE))
  say("in the large", c(coef(large), se(large)))
  say("logistic recalibration", c(coef(recalibrated), se(recalibrated)))
  say("revision", c(coef(revised), se(revised)))
  # Without predictors the logistic recalibration is the most extensive model.
  shorter <- 2 * (log_likelihood[3] - log_likelihood[1:2])
  say("p without predictors", pchisq(shorter, 2:1, lower.tail = FALSE))
}
cat("version\t", R.version.string, "\n", sep = "")
