from s6erav3.training.train import train_and_evaluate

if __name__ == "__main__": train_and_evaluate()
