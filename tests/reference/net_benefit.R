# Decision curves written out with base R and the package survival; run by hand:
#   Rscript net_benefit.R > net_benefit.txt
# One vector per line: its name, then its values.
library(survival)
options(warn = 2)
show <- function(name, x) cat(name, format(x, digits = 15, trim = TRUE), sep = "\t", fill = 1e6)

i <- 1:90
p <- round(plogis(-0.8 + 1.3 * sin(i * 1.7) + 0.4 * cos(i * 0.37)), 2)
uniform <- (i * 0.6180339887498949) %% 1
y <- as.numeric(uniform < p^1.3)
time <- round(12 * (1 - uniform)^0.8 + 0.5)
event <- as.numeric((i * 0.7548776662466927) %% 1 < 0.7)
cause <- ifelse(event == 1 & i %% 3 == 0, 2, event)
threshold <- c(0.05, 0.1, 0.2, 0.33, 0.5, 0.6)
for (name in c("p", "y", "time", "event", "cause", "threshold")) show(name, get(name))

curve <- function(name, risk) {
  price <- threshold / (1 - threshold)
  rates <- sapply(threshold, function(t) {
    positive <- mean(p >= t)
    among <- risk(p >= t)
    c(positive * among, positive * (1 - among))
  })
  model <- rates[1, ] - price * rates[2, ]
  overall <- risk(rep(TRUE, 90))
  all <- overall - price * (1 - overall)
  show(paste(name, "true positive"), rates[1, ])
  show(paste(name, "false positive"), rates[2, ])
  show(paste(name, "model"), model)
  show(paste(name, "all"), all)
  show(paste(name, "standardised"), model / overall)
  show(paste(name, "avoided"), (model - all) / price)
}
horizon <- 7
curve("binary", function(who) mean(y[who]))
curve("survival", function(who) {
  1 - summary(survfit(Surv(time[who], event[who]) ~ 1), times = horizon)$surv
})
curve("competing", function(who) {
  state <- factor(cause[who], 0:2, c("censored", "event", "other"))
  summary(survfit(Surv(time[who], state) ~ 1), times = horizon)$pstate[2]
})
cat("version\t", R.version.string, ", survival ", format(packageVersion("survival")), "\n", sep = "")
