import torch
import torch.nn.functional as F

from checks.distillation import _measured
from s6erav3.training.distillation import distillation_loss


def by_kl_div(logits, teacher_logits, labels, alpha, temperature):
    teacher = F.softmax(teacher_logits / temperature, dim=1)
    student = F.log_softmax(logits / temperature, dim=1)
    soft = F.kl_div(student, teacher, reduction="batchmean") * temperature**2
    return alpha * soft + (1 - alpha) * F.cross_entropy(logits, labels)


def by_topk(logits, labels):
    n = int((labels == 3).sum())
    return (labels[logits[:, 3].topk(n).indices] == 3).float().mean()


RIGHT = {
    "check_softened": [0.125, torch.tensor(1 / 8)],
    "check_loss": [by_kl_div, distillation_loss],
    "check_unseen_class": [(by_topk, *_measured())],
}
