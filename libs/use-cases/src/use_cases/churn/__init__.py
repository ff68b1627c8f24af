from use_cases.blocks import Category, DeclaredUseCase, Id, Label, Number

ADD_ON = ("No", "Yes", "No internet service")
PAID = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")


class ChurnUseCase(DeclaredUseCase):
    """Customers of a telephone company who leave."""

    drift_score = "jensen_shannon"
    name, label, gates = "churn", Label("Churn", "No", "Yes"), ("accuracy >= 0.75", "f1 >= 0.55")
    fields = (
        Id("customerID"),
        Category("gender", values=("Female", "Male")),
        Category("Partner", "Dependents", "PhoneService", "PaperlessBilling", values=("No", "Yes")),
        Category("MultipleLines", values=("No", "Yes", "No phone service")),
        Category("InternetService", values=("DSL", "Fiber optic", "No")),
        Category("OnlineSecurity", "OnlineBackup", "DeviceProtection", values=ADD_ON),
        Category("TechSupport", "StreamingTV", "StreamingMovies", values=ADD_ON),
        Category("Contract", values=("Month-to-month", "One year", "Two year")),
        Category("PaymentMethod", values=PAID),
        Number("SeniorCitizen", maximum=1),
        Number("tenure", "MonthlyCharges", maximum=1_000),
        Number("TotalCharges", maximum=100_000, missing=1_412),
    )
