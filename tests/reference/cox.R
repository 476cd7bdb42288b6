# What R says of Cox and Fine-Gray models of simulated cohorts; run by hand:
#   Rscript cox.R > cox.txt
# One vector per line: its name, then its values. Objectives are glmnet's: minus the log partial
# likelihood per sample (weights rescaled to a mean of 1) plus penalty, here from coxph.
suppressMessages({library(glmnet); library(survival); library(cmprsk)})
options(warn = 2)
# For rows with a start glmnet needs more Newton steps than its usual 25, to the end.
invisible(glmnet.control(mxitnr = 20000, epsnr = 1e-15))
show <- function(name, x) {
  cat(name, formatC(as.vector(x), digits = 15, format = "g", width = 1), sep = "\t", fill = 1e6)
}

# Rounded to what is printed, so that others start from the same numbers.
cohort <- function(n, p, seed) {
  i <- seq_len(n)
  x <- sapply(seq_len(p), function(j) {
    round((0.4 + (j %% 5)) * (sin(i * (1.1 + 0.37 * j) + seed) + 0.5 * cos(i * 0.7)) + j, 3)
  })
  uniform <- function(k) ((i * 0.6180339887498949 + k * 0.754877666 + (i * k) %% 7 / 11) %% 1)
  risk <- exp(0.6 * x[, 1] - 0.3 * x[, 2] / 2 + 0.2 * x[, 3] / 3)
  time <- ceiling(-20 * log(uniform(1)) / risk * median(risk))
  end <- ceiling(40 * uniform(2)) + 4
  event <- ifelse(time <= end, ifelse(uniform(3) < 0.6, 1, 2), 0)
  time <- pmax(1, pmin(time, end))
  list(x = x, time = time, code = event, event = as.numeric(event == 1),
       weight = 1 + i %% 3, start = ifelse(i %% 3 == 0, floor(time / 2), 0))
}
sd_weighted <- function(x, w) {
  w <- w / sum(w)
  apply(x, 2, function(column) sqrt(sum(w * (column - sum(w * column))^2)))
}
partial <- function(x, y, w, b) {
  held <- coxph.control(iter.max = 0)
  coxph(y ~ x, ties = "breslow", weights = w, init = b, control = held)$loglik[2]
}
penalised <- function(name, d, lambda, alpha, y = Surv(d$time, d$event), w = rep(1, nrow(d$x)),
                      standardize = TRUE, factors = rep(1, ncol(d$x)), thresh = 1e-22, ...) {
  fit <- glmnet(d$x, y, family = "cox", alpha = alpha, lambda = lambda, weights = w,
                standardize = standardize, penalty.factor = factors, thresh = thresh,
                maxit = 1e7, ...)
  sds <- if (standardize) sd_weighted(d$x, w) else rep(1, ncol(d$x))
  factors <- factors / mean(factors)
  for (k in seq_along(lambda)) {
    b <- as.matrix(fit$beta)[, k]
    penalty <- sum(factors * (alpha * abs(b * sds) + (1 - alpha) / 2 * (b * sds)^2))
    show(paste(name, lambda[k], "coefficients"), b)
    show(paste(name, lambda[k], "objective"),
         -partial(d$x, y, w / mean(w), b) / nrow(d$x) + lambda[k] * penalty)
  }
}
write_cohort <- function(name, d) {
  for (j in seq_len(ncol(d$x))) show(paste0(name, " x", j), d$x[, j])
  for (part in c("time", "code", "weight", "start")) show(paste(name, part), d[[part]])
}

tall <- cohort(80, 8, 1)
wide <- cohort(40, 60, 2)
write_cohort("tall", tall)
write_cohort("wide", wide)

lambda <- c(0.2, 0.05, 0.01)
odd <- seq_len(8) %% 2 == 1
penalised("plain", tall, lambda, 0.5)
penalised("lasso", tall, lambda, 1)
penalised("ridge", tall, lambda, 0)
penalised("unstandardised", tall, lambda, 0.5, standardize = FALSE)
penalised("signs", tall, lambda, 0.5, lower.limits = ifelse(odd, -Inf, 0),
          upper.limits = ifelse(odd, 0, Inf))
penalised("limits", tall, lambda, 0.5, lower.limits = -0.1, upper.limits = 0.05)
penalised("factors", tall, lambda, 0.5, factors = c(0, 0.3, 0.3, rep(1, 5)))
penalised("weights", tall, lambda, 0.5, w = tall$weight)
penalised("entry", tall, lambda, 0.5, y = Surv(tall$start, tall$time, tall$event),
          thresh = 1e-18)
penalised("wide", wide, lambda, 0.5)

show("lambda max", max(glmnet(tall$x, Surv(tall$time, tall$event), family = "cox")$lambda))

# Without penalty: coefficients, standard errors, log partial likelihoods, hazard at x = 0.
tight <- coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-15)
say <- function(name, y, w) {
  x <- tall$x[, 1:4]
  m <- coxph(y ~ x, ties = "breslow", weights = w, control = tight, robust = FALSE)
  show(paste(name, "coefficients"), coef(m))
  show(paste(name, "se"), sqrt(diag(vcov(m))))
  show(paste(name, "log-likelihood"), rev(m$loglik))
  hazard <- basehaz(m, centered = FALSE)
  at <- c(5, 10, 20, 30)
  show(paste(name, "hazard"), hazard$hazard[findInterval(at, hazard$time)])
}
say("cox", Surv(tall$time, tall$event), rep(1, 80))
say("cox entry", Surv(tall$start, tall$time, tall$event), rep(1, 80))
say("cox weights", Surv(tall$time, tall$event), tall$weight / mean(tall$weight))

# Verweij and van Houwelingen: every fourth sample left out.
train <- seq_len(80) %% 4 != 0
y <- Surv(tall$time, tall$event)
m <- coxph(y[train] ~ tall$x[train, 1:4], ties = "breslow", control = tight)
show("held out deviance", -2 * (partial(tall$x[, 1:4], y, rep(1, 80), coef(m)) - m$loglik[2]))
fit <- glmnet(tall$x[train, ], y[train], family = "cox", alpha = 0.5, lambda = 0.05,
              thresh = 1e-22)
b <- as.vector(fit$beta)
show("held out glmnet", coxnet.deviance(y = y, x = tall$x, beta = b) -
       coxnet.deviance(y = y[train], x = tall$x[train, ], beta = b))
show("held out glmnet saturated", {
  d <- table(tall$time[tall$event == 1]); d_train <- table(tall$time[train & tall$event == 1])
  2 * (sum(d * log(d)) - sum(d_train * log(d_train)))
})

# Competing risks, with times of events and of censoring in common.
m <- crr(tall$time, tall$code, tall$x[, 1:4], gtol = 1e-13, maxiter = 50)
show("fine-gray coefficients", m$coef)
show("fine-gray robust se", sqrt(diag(m$var)))
show("fine-gray log-likelihood", c(m$loglik, m$loglik.null))
risk <- predict(m, tall$x[1:3, 1:4])
at <- c(5, 10, 20, 30)
show("fine-gray times", at)
for (k in 1:3) show(paste("fine-gray risk", k), c(0, risk[, k + 1])[findInterval(at, risk[, 1]) + 1])
cif <- timepoints(cuminc(tall$time, tall$code), at)
for (cause in 1:2) {
  show(paste("incidence", cause), cif$est[cause, ])
  show(paste("incidence variance", cause), cif$var[cause, ])
}

# Penalised Fine-Gray by survival's rows. They take a censoring at the time of an event to come
# after it, cmprsk takes the event's sample to be at risk of it: here censoring comes half a unit
# later, so that both are the same. glmnet counts rows: its lambda is that per sample, rescaled.
later <- tall
later$time <- tall$time + ifelse(tall$code == 0, 0.5, 0)
data <- data.frame(time = later$time, code = factor(later$code), id = 1:80)
rows <- finegray(Surv(time, code) ~ ., data = data, etype = "1")
expanded <- list(x = tall$x[rows$id, ])
y <- with(rows, Surv(fgstart, fgstop, fgstatus))
per_sample <- sum(rows$fgwt) / 80
for (lam in lambda) {
  fit <- glmnet(expanded$x, y, family = "cox", alpha = 0.5, lambda = lam / per_sample,
                weights = rows$fgwt, standardize = FALSE, thresh = 1e-18, maxit = 1e7)
  b <- as.vector(fit$beta)
  penalty <- sum(0.5 * abs(b) + 0.25 * b^2)
  show(paste("penalised fine-gray", lam, "coefficients"), b)
  show(paste("penalised fine-gray", lam, "objective"),
       -partial(expanded$x, y, rows$fgwt, b) / 80 + lam * penalty)
}
cat("version\t", R.version.string, ", glmnet ", format(packageVersion("glmnet")), ", survival ",
    format(packageVersion("survival")), ", cmprsk ", format(packageVersion("cmprsk")), "\n",
    sep = "")
