# Bootstrap optimism and the .632 and .632+ estimates of a logistic model, by plain loops over glm;
# run by hand:
#   Rscript optimism.R > optimism.txt
# One vector per line: its name, then its values. "rows" are those of a bootstrap, from 1.
options(warn = 2)
show <- function(name, x) cat(name, format(x, digits = 15, trim = TRUE), sep = "\t", fill = 1e6)
tight <- list(epsilon = 1e-14, maxit = 100)

n <- 70
i <- 1:n
x1 <- round(sin(i * 1.7) + 0.4 * cos(i * 0.31), 3)
x2 <- round(cos(i * 2.9) + 0.5 * x1, 3)
x3 <- round(sin(i * 5.3), 3)
uniform <- (i * 0.6180339887498949) %% 1
y <- as.numeric(uniform < plogis(-0.6 + 0.9 * x1 - 0.5 * x2))
cohort <- data.frame(y, x1, x2, x3)
for (name in names(cohort)) show(name, cohort[[name]])

set.seed(20)
bootstraps <- replicate(30, sample(n, n, replace = TRUE))
for (b in seq_len(ncol(bootstraps))) show("rows", bootstraps[, b])

auc <- function(y, lp) {
  gap <- outer(lp[y == 1], lp[y == 0], "-")
  mean((gap > 0) + (gap == 0) / 2)
}
recalibrated <- function(y, lp) unname(coef(glm(y ~ lp, family = binomial, control = tight)))
measures <- function(y, lp) {
  line <- recalibrated(y, lp)
  c(auc = auc(y, lp), brier = mean((y - plogis(lp))^2), slope = line[2], intercept = line[1])
}
learned <- function(data) glm(y ~ x1 + x2 + x3, family = binomial, data = data, control = tight)

whole <- learned(cohort)
lp <- predict(whole)
apparent <- measures(y, lp)
training <- test <- outside <- NULL
for (b in seq_len(ncol(bootstraps))) {
  rows <- bootstraps[, b]
  model <- learned(cohort[rows, ])
  there <- predict(model, cohort)
  out <- setdiff(i, rows)
  training <- rbind(training, measures(y[rows], there[rows]))
  test <- rbind(test, measures(y, there))
  outside <- rbind(outside, measures(y[out], there[out]))
}
beyond <- colMeans(outside)
optimism <- colMeans(training) - colMeans(test)
none <- c(auc = 0.5, brier = mean(outer(y, plogis(lp), "-")^2))
rate <- (apparent[1:2] - beyond[1:2]) / (apparent[1:2] - none)
stopifnot(rate > 0, rate < 1)
weight <- 0.632 / (1 - 0.368 * rate)
show("apparent", apparent)
show("training", colMeans(training))
show("test", colMeans(test))
show("optimism", optimism)
show("corrected", apparent - optimism)
show("monte_carlo_error", apply(training - test, 2, sd) / sqrt(ncol(bootstraps)))
show("outside", beyond)
show("estimate_632", 0.368 * apparent + 0.632 * beyond)
show("no_information", none)
show("overfitting", rate)
show("estimate_632_plus", (1 - weight) * apparent[1:2] + weight * beyond[1:2])
