# What R says of a predicted risk and survival data with many ties; run by hand:
#   Rscript survival_validation.R > survival_validation.txt
# One vector per line: its name, then its values.
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(riskRegression)
  library(prodlim)
  library(geepack)
})
show <- function(name, x) {
  cat(name, format(as.vector(unname(x)), digits = 15, trim = TRUE), sep = "\t", fill = 1e6)
}

# Events, ends of follow-up and risks are tied among and with each other.
i <- 1:150
lp <- round(0.9 * sin(i * 1.7) + 0.4 * cos(i * 0.37), 1)
uniform <- (i * 0.6180339887498949) %% 1
latent <- -log(1 - uniform) * 14 * exp(-0.8 * lp)
end <- 4 + 22 * ((i * 0.7548776662466927) %% 1)
time <- ceiling(pmin(latent, end))
event <- as.numeric(latent <= end)
cause <- ifelse(event == 1 & (i * 0.5698402909980532) %% 1 < 0.35, 2, event)
at <- c(4, 8, 12, 16)
horizon <- 12
for (name in c("lp", "time", "event", "cause", "at")) show(name, get(name))

# -- concordance
for (name in c("harrell", "uno", "uno tau")) {
  found <- concordance(Surv(time, event) ~ lp, reverse = TRUE,
                       timewt = if (name == "harrell") "n" else "n/G2",
                       ymax = if (name == "uno tau") horizon else NULL)
  show(name, c(found$concordance, sqrt(found$var)))
  if (name == "harrell") show("harrell pairs", found$count[1:3])
}

# -- Kaplan-Meier and cumulative incidence
km <- summary(survfit(Surv(time, event) ~ 1, conf.type = "log-log"), times = at)
show("km", km$surv)
show("km se", km$std.err)
show("km low", km$lower)
show("km high", km$upper)
show("km at risk", km$n.risk)
cif <- timepoints(cuminc(time, cause), at)
show("cif", cif$est[1, ])
show("cif se", sqrt(cif$var[1, ]))

# -- calibration
slope <- coxph(Surv(time, event) ~ lp, control = coxph.control(eps = 1e-11))
show("cox slope", c(coef(slope), sqrt(vcov(slope))))
p <- round(1 - exp(-0.55 * exp(1.2 * lp)), 6)
show("p", p)
for (name in c("survival", "competing")) {
  status <- if (name == "survival") event else cause
  if (name == "survival") {
    fit <- prodlim(Hist(time, status) ~ 1, data = data.frame(time, status))
    pseudo <- 1 - drop(jackknife(fit, times = horizon))
  } else {
    fit <- prodlim(Hist(time, status) ~ 1, data = data.frame(time, status))
    pseudo <- drop(jackknife(fit, times = horizon, cause = 1))
  }
  show(paste(name, "pseudo"), pseudo)
  d <- data.frame(pseudo, cll = log(-log(1 - p)), id = i)
  gee <- function(formula) {
    geese(formula, data = d, id = id, scale.fix = TRUE, family = gaussian,
          mean.link = "cloglog", corstr = "independence",
          control = geese.control(epsilon = 1e-12, maxit = 200))
  }
  large <- gee(pseudo ~ offset(cll))
  both <- gee(pseudo ~ cll)
  show(paste(name, "in the large"), c(large$beta, sqrt(diag(as.matrix(large$vbeta)))))
  show(paste(name, "recalibration"), c(both$beta, sqrt(diag(both$vbeta))))
  distance <- abs(p - approx(lowess(p, pseudo, iter = 0), xout = p, ties = mean)$y)
  show(paste(name, "distance"), c(mean(distance), median(distance), quantile(distance, 0.9),
                                  max(distance)))
}

# -- AUC and Brier score over time
risks <- sapply(at, function(t) round(1 - exp(-0.05 * t * exp(1.2 * lp)), 6))
show("risks", risks)
d <- data.frame(time, event)
score <- Score(list(model = risks), Surv(time, event) ~ 1, data = d, times = at, cens.model = "km",
               cens.method = "ipcw", se.fit = FALSE, conf.int = FALSE, null.model = TRUE)
show("auc", subset(score$AUC$score, model == "model")$AUC)
show("brier", subset(score$Brier$score, model == "model")$Brier)
show("null brier", subset(score$Brier$score, model == "Null model")$Brier)
cat("version\t", R.version.string, sep = "")
for (name in c("survival", "cmprsk", "prodlim", "geepack", "riskRegression"))
  cat(", ", name, " ", format(packageVersion(name)), sep = "")
cat("\n")
